package place

// State is a tenant's state. The database holds it, in app.fence, and decides by it on every path.
type State string

// The seven states of a tenant.
const (
	Active    State = "active"
	Copying   State = "copying"   // being moved: writes are captured
	ReadOnly  State = "read_only" // by an operator, or the short freeze of a move
	Suspended State = "suspended"
	Incoming  State = "incoming" // a move's target, not yet open
	Moved     State = "moved"    // a move's source: a tombstone
	Erasing   State = "erasing"
)

// Access is what a state allows the tenant's own members.
type Access struct{ Read, Write bool }

// States is the one table of who may read and write in which state. The gate's views app.readable and app.writable
// say the same in SQL; a test compares them.
var States = map[State]Access{
	Active:    {Read: true, Write: true},
	Copying:   {Read: true, Write: true},
	ReadOnly:  {Read: true},
	Suspended: {},
	Incoming:  {},
	Moved:     {},
	Erasing:   {},
}

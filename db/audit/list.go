package audit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// PageSize is how many rows a page of the audit has, and PartSize how many an export reads at a time.
const (
	PageSize = 50
	PartSize = 1000
)

// Filter chooses rows of the audit. The zero Filter is all of them.
type Filter struct {
	Person *uuid.UUID // the member who acted
	Worker bool       // nobody did: the app itself
	Event  string
	Entity string
	From   time.Time // zero: from the beginning
	Until  time.Time // zero: until now; the time itself is not in it
	Before *Cursor
}

// Cursor is the place in the audit, latest first, behind which a page begins.
type Cursor struct {
	At time.Time
	ID uuid.UUID
}

// ErrCursor says that a text is no cursor.
var ErrCursor = errors.New("audit: not a cursor")

// Place is where a row stands.
func (e Entry) Place() Cursor { return Cursor{At: e.CreatedAt, ID: e.ID} }

// String is the cursor as it stands in an address: microseconds since 1970, a dot, the id.
func (c Cursor) String() string { return strconv.FormatInt(c.At.UnixMicro(), 10) + "." + c.ID.String() }

// ParseCursor reads what String wrote. It returns ErrCursor for anything else.
func ParseCursor(s string) (Cursor, error) {
	at, id, _ := strings.Cut(s, ".")
	micros, err := strconv.ParseInt(at, 10, 64)
	if err != nil || micros < 0 || micros > maxMicros {
		return Cursor{}, ErrCursor
	}
	u, err := uuid.Parse(id)
	if err != nil {
		return Cursor{}, ErrCursor
	}
	return Cursor{At: time.UnixMicro(micros).UTC(), ID: u}, nil
}

// maxMicros is the year 9999, well within what Postgres can hold.
const maxMicros = 253402300799_000000

// List queues the rows that f chooses, latest first, one more than size when there are more.
func List(v *db.View, f Filter, size int, into *[]Entry) {
	var where strings.Builder
	var args []any
	and := func(condition string, values ...any) {
		marks := make([]any, len(values))
		for i, value := range values {
			args = append(args, value)
			marks[i] = fmt.Sprintf("$%d", len(args)+1) // $1 is the tenant
		}
		fmt.Fprintf(&where, "\n\t\t  AND "+condition, marks...)
	}
	if f.Person != nil {
		and("a.actor_id = %s", *f.Person)
	}
	if f.Worker {
		and("a.actor_id IS NULL")
	}
	if f.Event != "" {
		and("a.event = %s", f.Event)
	}
	if f.Entity != "" {
		and("a.entity = %s", f.Entity)
	}
	if !f.From.IsZero() {
		and("a.created_at >= %s", f.From)
	}
	if !f.Until.IsZero() {
		and("a.created_at < %s", f.Until)
	}
	if f.Before != nil {
		and("(a.created_at, a.id) < (%s, %s)", f.Before.At, f.Before.ID)
	}
	sealed.List(v, "audit.list", `
		SELECT a.id, a.event, coalesce(u.name, '') AS actor, a.entity, a.entity_id, a.request_id, a.detail, a.created_at
		FROM analytics a LEFT JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.actor_id AND u.tenant_id = $1
		WHERE a.tenant_id = $1`+where.String()+fmt.Sprintf(`
		ORDER BY a.created_at DESC, a.id DESC LIMIT %d`, size+1), into, args...)
}

package job

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Row is a job in the jobs list: what the list shows and no more.
type Row struct {
	ID              uuid.UUID   `db:"id"`
	Title           string      `db:"title"`
	Snippet         string      `db:"snippet"` // the first 240 characters of the description, with an ellipsis when there is more
	Contract        Contract    `db:"contract"`
	HourlyMin       *int64      `db:"hourly_min"`
	HourlyMax       *int64      `db:"hourly_max"`
	Budget          *int64      `db:"budget"`
	Experience      Experience  `db:"experience"`
	Skills          []string    `db:"skills"`
	ProposalsMin    *int        `db:"proposals_min"`
	ProposalsMax    *int        `db:"proposals_max"`
	Country         string      `db:"client_country"`
	PaymentVerified *bool       `db:"client_payment_verified"`
	Spent           *int64      `db:"client_spent"`
	SpentFloor      bool        `db:"client_spent_floor"`
	PostedAt        time.Time   `db:"posted_at"`
	Triage          Triage      `db:"triage"`
	AssigneeID      *uuid.UUID  `db:"assignee_id"` // a member; nil: nobody's
	Drafters        []uuid.UUID `db:"drafters"`    // the members who write a proposal for it, first come first
}

// Sort is an order of the list. The zero Sort is the newest first.
type Sort string

// The orders.
const (
	Newest  Sort = ""
	BestPay Sort = "pay"   // unknown last
	Quiet   Sort = "quiet" // fewest proposals first, unknown last
)

// order is how a Sort is said in SQL, and where a row stands in it.
type order struct {
	key       string // an expression that an index has
	kind      string // the SQL type that a place is compared as
	direction string
	behind    string // the comparison that finds what comes later
	at        func(key int64) any
	of        func(*Row) int64
}

const unknownLast = math.MaxInt32 // a number of proposals that is not known

var orders = map[Sort]order{
	Newest: {"j.posted_at", "timestamptz", "DESC", "<", func(key int64) any { return time.UnixMicro(key).UTC() }, func(r *Row) int64 { return r.PostedAt.UnixMicro() }},
	BestPay: {"coalesce(j.hourly_max, j.hourly_min, j.budget, -1)", "bigint", "DESC", "<", func(key int64) any { return key }, func(r *Row) int64 {
		for _, pay := range []*int64{r.HourlyMax, r.HourlyMin, r.Budget} {
			if pay != nil {
				return *pay
			}
		}
		return -1
	}},
	Quiet: {"coalesce(j.proposals_min, 2147483647)", "bigint", "ASC", ">", func(key int64) any { return key }, func(r *Row) int64 {
		if r.ProposalsMin != nil {
			return int64(*r.ProposalsMin)
		}
		return unknownLast
	}},
}

// page is the end of a statement that reads one page, and one row more when there is a next one.
func (o order) page() string {
	return "\n\t\tORDER BY " + o.key + " " + o.direction + ", j.id " + o.direction + "\n\t\tLIMIT " + pageLimit
}

var pageLimit = strconv.Itoa(PageSize + 1)

// order is that of s; the newest first for what is no Sort.
func (s Sort) order() order {
	if o, ok := orders[s]; ok {
		return o
	}
	return orders[Newest]
}

// Place is where a row stands in the order.
func (s Sort) Place(r *Row) Cursor { return Cursor{Key: s.order().of(r), ID: r.ID} }

// Cursor is the place in an order behind which a page begins: Key is microseconds since 1970, US cents, or a number of
// proposals.
type Cursor struct {
	Key int64
	ID  uuid.UUID
}

// ErrCursor says that a text is no cursor.
var ErrCursor = errors.New("job: not a cursor")

// String is the cursor as it stands in an address: its key, a dot, the id.
func (c Cursor) String() string {
	return strconv.FormatInt(c.Key, 10) + "." + c.ID.String()
}

// ParseCursor reads what String wrote. It returns ErrCursor for anything else.
func ParseCursor(s string) (Cursor, error) {
	at, id, _ := strings.Cut(s, ".")
	key, err := strconv.ParseInt(at, 10, 64)
	if err != nil || key < -1 || key > maxMicros {
		return Cursor{}, ErrCursor
	}
	u, err := uuid.Parse(id)
	if err != nil {
		return Cursor{}, ErrCursor
	}
	return Cursor{Key: key, ID: u}, nil
}

// maxMicros is the year 9999, well within what Postgres can hold.
const maxMicros = 253402300799_000000

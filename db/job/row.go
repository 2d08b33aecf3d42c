package job

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Row is a job in the jobs list: what the list shows and no more.
type Row struct {
	ID              uuid.UUID  `db:"id"`
	Title           string     `db:"title"`
	Snippet         string     `db:"snippet"` // the first 240 characters of the description, with an ellipsis when there is more
	Contract        Contract   `db:"contract"`
	HourlyMin       *int64     `db:"hourly_min"`
	HourlyMax       *int64     `db:"hourly_max"`
	Budget          *int64     `db:"budget"`
	Experience      Experience `db:"experience"`
	Skills          []string   `db:"skills"`
	ProposalsMin    *int       `db:"proposals_min"`
	ProposalsMax    *int       `db:"proposals_max"`
	Country         string     `db:"client_country"`
	PaymentVerified *bool      `db:"client_payment_verified"`
	Spent           *int64     `db:"client_spent"`
	SpentFloor      bool       `db:"client_spent_floor"`
	PostedAt        time.Time  `db:"posted_at"`
	Triage          Triage     `db:"triage"`
}

// Cursor is the place in the newest-first order behind which a page begins.
type Cursor struct {
	PostedAt time.Time
	ID       uuid.UUID
}

// ErrCursor says that a text is no cursor.
var ErrCursor = errors.New("job: not a cursor")

// String is the cursor as it stands in an address: microseconds since 1970, a dot, the id.
func (c Cursor) String() string {
	return strconv.FormatInt(c.PostedAt.UnixMicro(), 10) + "." + c.ID.String()
}

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
	return Cursor{PostedAt: time.UnixMicro(micros).UTC(), ID: u}, nil
}

// maxMicros is the year 9999, well within what Postgres can hold.
const maxMicros = 253402300799_000000

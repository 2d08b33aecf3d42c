package proposal

import (
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// BoardSize is how many proposals of one status the board shows.
const BoardSize = 10

// OnBoard lists the statuses of the board, in its order. What is over without a contract is in the list only.
var OnBoard = []Status{Draft, InReview, Approved, Submitted, Viewed, Interview, Offer, Hired}

// Card is a proposal on the board.
type Card struct {
	ID         uuid.UUID `db:"id"`
	Status     Status    `db:"status"`
	JobTitle   string    `db:"job_title"`
	AuthorName string    `db:"author_name"`
	UpdatedAt  time.Time `db:"updated_at"`
}

// Board queues the newest proposals of each status of the board, one more than BoardSize where there are more. With only,
// those of the Clerk user mine.
func Board(v *db.View, only bool, mine string, into *[]Card) {
	statuses := make([]string, len(OnBoard))
	for i, s := range OnBoard {
		statuses[i] = string(s)
	}
	sealed.List(v, "proposal.board", `
		SELECT c.id, s.status, c.job_title, c.author_name, c.updated_at
		FROM unnest($2::text[]) WITH ORDINALITY AS s (status, place) CROSS JOIN LATERAL (
		  SELECT p.id, j.title AS job_title, u.name AS author_name, p.created_at, p.updated_at
		  FROM proposals p
		  JOIN jobs j ON j.tenant_id = p.tenant_id AND j.id = p.job_id AND j.tenant_id = $1
		  JOIN users u ON u.tenant_id = p.tenant_id AND u.id = p.user_id AND u.tenant_id = $1
		  WHERE p.tenant_id = $1 AND p.status = s.status AND (NOT $3 OR u.clerk_id = $4)
		  ORDER BY p.created_at DESC, p.id DESC LIMIT $5) c
		ORDER BY s.place, c.created_at DESC, c.id DESC`, into, statuses, only, mine, BoardSize+1)
}

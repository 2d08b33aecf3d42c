package sealed

import "context"

type (
	requestKey struct{}
	writeKey   struct{}
)

// WithRequestID returns a context whose audit rows carry id. A request id is no secret and grants nothing.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID is the request id of ctx, or the empty text outside a request.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// inWrite marks the context that a Write hands to its function, so that a transaction inside a transaction is refused:
// it would wait for a second connection while holding the first, and commit on its own.
func inWrite(ctx context.Context) context.Context { return context.WithValue(ctx, writeKey{}, true) }

func isInWrite(ctx context.Context) bool { return ctx.Value(writeKey{}) != nil }

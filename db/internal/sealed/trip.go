package sealed

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// trip is one round trip to a database as a span inside that of the request. The zero trip is of a request that nobody
// records: it costs a look-up in the context.
type trip struct{ span trace.Span }

// depart starts the span of a round trip.
func depart(ctx context.Context, kind string) trip {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return trip{}
	}
	_, span := parent.TracerProvider().Tracer("upwork-ai-agent/db").Start(ctx, "db "+kind,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("db.system.name", "postgresql")))
	return trip{span}
}

// carries says which n statements are on the way: their names, never their SQL or arguments.
func (t trip) carries(n int, name func(int) string) {
	if t.span == nil {
		return
	}
	all := make([]string, n)
	for i := range all {
		all[i] = name(i)
	}
	t.span.SetAttributes(attribute.StringSlice("db.statements", all))
}

// connected marks when the pool gave a connection: what comes before is waiting.
func (t trip) connected() {
	if t.span != nil {
		t.span.AddEvent("connected")
	}
}

// arrive ends the span. It never has the words of an error that may repeat a value.
func (t trip) arrive(err error) {
	if t.span == nil {
		return
	}
	if err != nil {
		t.span.SetStatus(codes.Error, discreet(err).Error())
	}
	t.span.End()
}

package web

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traced makes a span of each request, of which those of its round trips are children. A nil tracer costs nothing.
//
// A trace id that comes with a request (W3C traceparent) is linked to and never joined: whoever sent it is a stranger, who
// shall neither decide what is recorded here nor write into a trace of somebody else. It grants nothing.
func traced(tracer trace.Tracer) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		if tracer == nil {
			return next
		}
		return func(c echo.Context) error {
			r := c.Request()
			ctx, span := tracer.Start(r.Context(), "request", trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
				trace.WithLinks(links(r)...), trace.WithAttributes(attribute.String("request_id", requestID(c))))
			defer span.End()
			c.SetRequest(r.WithContext(ctx))
			err := next(c) // answered by then
			status := c.Response().Status
			span.SetAttributes(attribute.Int("http.response.status_code", status))
			if status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, http.StatusText(status))
			}
			return err
		}
	}
}

// name gives the request's span, where there is one, its name.
func name(c echo.Context, verb, route string) {
	span := trace.SpanFromContext(c.Request().Context())
	if !span.IsRecording() {
		return
	}
	span.SetName(verb + " " + route)
	span.SetAttributes(attribute.String("http.request.method", verb), attribute.String("http.route", route))
}

// links is the trace that a request says it comes from, without the free text that may come along (tracestate, baggage).
func links(r *http.Request) []trace.Link {
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	remote := trace.SpanContextFromContext(ctx)
	if !remote.IsValid() {
		return nil
	}
	return []trace.Link{{SpanContext: remote.WithTraceState(trace.TraceState{})}}
}

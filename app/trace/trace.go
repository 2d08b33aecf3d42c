// Package trace sends what each request did, and how long its round trips to the database took, to an OpenTelemetry
// collector. A span names routes and statements. It has no argument of a statement, no address, no tenant and no person: its
// request id leads to the line of the log that has them.
package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// name is what the spans of this program are told apart by.
const name = "upwork-ai-agent"

// Sender sends spans. The zero Sender has no Tracer and sends nothing.
type Sender struct {
	trace.Tracer
	provider *sdk.TracerProvider
	log      *slog.Logger
}

// Start sends spans by OTLP over HTTP, as the standard variables say, which the SDK reads from the environment itself:
// OTEL_EXPORTER_OTLP_ENDPOINT, …_HEADERS, …_TIMEOUT, …_CERTIFICATE, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
// OTEL_TRACES_SAMPLER, OTEL_BSP_…. A collector that is away costs the spans and a line in the log, and holds up nothing.
func Start(ctx context.Context, version string, log *slog.Logger) (*Sender, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	res, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", name), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("traces: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.LogAttrs(context.Background(), slog.LevelWarn, "traces", slog.String("error", err.Error()))
	}))
	p := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(res))
	otel.SetTracerProvider(p) // for tasks, which start on their own
	return &Sender{p.Tracer(name), p, log}, nil
}

// closeTimeout is how long the last spans may take.
const closeTimeout = 5 * time.Second

// Close sends what is left. What cannot be sent is lost, with a line in the log.
func (s *Sender) Close() {
	if s.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.provider.Shutdown(ctx); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "traces", slog.String("error", err.Error()))
	}
}

package sealed

import (
	"context"
	"errors"
	"testing"
)

// unrecorded is a round trip of a request that nobody records.
func unrecorded(ctx context.Context, queue []queued) {
	way := depart(ctx, "view")
	way.carries(len(queue), func(i int) string { return queue[i].name })
	way.connected()
	way.arrive(errNowhere)
}

var errNowhere = errors.New("nowhere")

func TestARoundTripThatNobodyRecordsAllocatesNothing(t *testing.T) {
	ctx := WithRequestID(t.Context(), "request")
	queue := []queued{{name: "job.list"}, {name: "job.counts"}}
	if n := testing.AllocsPerRun(100, func() { unrecorded(ctx, queue) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkARoundTripThatNobodyRecords(b *testing.B) {
	ctx := WithRequestID(b.Context(), "request")
	queue := []queued{{name: "job.list"}, {name: "job.counts"}}
	b.ReportAllocs()
	for b.Loop() {
		unrecorded(ctx, queue)
	}
}

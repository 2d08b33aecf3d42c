package web

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"
)

// tooMany is a request more than its sender may make. It is answered, not dropped: 429, and when to come again.
type tooMany struct {
	whose string // for the log
	wait  time.Duration
}

// Error is for the log.
func (e *tooMany) Error() string { return "too many requests of " + e.whose }

// seconds is for Retry-After.
func (e *tooMany) seconds() int { return max(1, int(math.Ceil(e.wait.Seconds()))) }

// limits keep one person, one organization or one address from taking what is everybody's. They are far above what people
// do and what pages ask for.
type limits struct {
	signIn, stranger, person, tenant *allowances // requests
	busy                             *turns      // work at the same time
}

// Of a pool of 16 connections one organization gets at most 12 at a time, and one person 8. Whoever finds no room waits
// for it a little: a burst of one page's requests is no attack. Forms are counted by themselves, from before they are read: a
// form is kept in memory until it is answered, and whoever sends slowly sends many at once.
const (
	tenantTurns = 12
	personTurns = 8
	formTurns   = 8
	turnWait    = 2 * time.Second
)

// newLimits lets a person make perSecond requests a second for long, and ten times as many at once; an organization ten
// times as many. 0: as many as they like.
func newLimits(perSecond int) *limits {
	if perSecond == 0 {
		return nil
	}
	n := float64(perSecond)
	return &limits{
		signIn: newAllowances("address at the sign-in", n/50, n/2), stranger: newAllowances("address", n, n*10),
		person: newAllowances("person", n, n*10), tenant: newAllowances("organization", n*10, n*20),
		busy: &turns{of: map[string]*queue{}},
	}
}

// allowances count the requests of everybody of one kind.
type allowances struct {
	kind  string
	rate  rate.Limit
	burst int

	mu    sync.Mutex
	of    map[string]*allowance
	rest  *rate.Limiter // of all for whom there is no room
	swept time.Time
}

type allowance struct {
	limiter *rate.Limiter
	last    time.Time
}

// maxAllowances bounds the memory: some 200 bytes each.
const maxAllowances = 20_000

func newAllowances(kind string, perSecond, burst float64) *allowances {
	m := &allowances{kind: kind, rate: rate.Limit(perSecond), burst: max(1, int(burst)), of: map[string]*allowance{}}
	m.rest = rate.NewLimiter(m.rate, m.burst)
	return m
}

// take counts a request of key, or returns *tooMany.
func (m *allowances) take(key string, now time.Time) error {
	r := m.limiter(key, now).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	r.CancelAt(now)
	return &tooMany{m.kind + " " + key, wait}
}

func (m *allowances) limiter(key string, now time.Time) *rate.Limiter {
	m.mu.Lock()
	defer m.mu.Unlock()
	if own, ok := m.of[key]; ok {
		own.last = now
		return own.limiter
	}
	if len(m.of) >= maxAllowances {
		m.sweep(now)
	}
	if len(m.of) >= maxAllowances {
		return m.rest
	}
	own := &allowance{rate.NewLimiter(m.rate, m.burst), now}
	m.of[key] = own
	return own.limiter
}

// sweep forgets whoever was away long enough to have everything again: forgetting them changes nothing.
func (m *allowances) sweep(now time.Time) {
	if now.Sub(m.swept) < time.Second {
		return
	}
	m.swept = now
	full := time.Duration(float64(m.burst) / float64(m.rate) * float64(time.Second))
	for key, own := range m.of {
		if now.Sub(own.last) >= full {
			delete(m.of, key)
		}
	}
}

// turns let each key do so much at the same time. What nobody does is not kept.
type turns struct {
	mu sync.Mutex
	of map[string]*queue
}

type queue struct {
	room chan struct{}
	in   int // who is in it or waits for it
}

// take waits for room, and returns *tooMany when there is none for long.
func (t *turns) take(ctx context.Context, key string, room int) (release func(), err error) {
	q := t.join(key, room)
	late := time.NewTimer(turnWait)
	defer late.Stop()
	select {
	case q.room <- struct{}{}:
		return func() { <-q.room; t.leave(key, q) }, nil
	case <-ctx.Done():
		err = fmt.Errorf("waiting for a turn: %w", ctx.Err())
	case <-late.C:
		err = &tooMany{key + " at the same time", time.Second}
	}
	t.leave(key, q)
	return nil, err
}

func (t *turns) join(key string, room int) *queue {
	t.mu.Lock()
	defer t.mu.Unlock()
	q, ok := t.of[key]
	if !ok {
		q = &queue{room: make(chan struct{}, room)}
		t.of[key] = q
	}
	q.in++
	return q
}

func (t *turns) leave(key string, q *queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.in--; q.in == 0 {
		delete(t.of, key)
	}
}

// admit counts a request of somebody who is signed in.
func (l *limits) admit(person string, tenant uuid.UUID) error {
	if l == nil {
		return nil
	}
	now := time.Now()
	if err := l.person.take(person, now); err != nil || tenant == uuid.Nil {
		return err
	}
	return l.tenant.take(tenant.String(), now)
}

// admitStranger counts a request of somebody who is not signed in; entry tells whether they are about to.
func (l *limits) admitStranger(address string, entry bool) error {
	switch {
	case l == nil:
		return nil
	case entry:
		return l.signIn.take(address, time.Now())
	}
	return l.stranger.take(address, time.Now())
}

// turn waits until a person may do something in a tenant. The caller releases it.
func (l *limits) turn(ctx context.Context, person string, tenant uuid.UUID) (release func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	one, err := l.busy.take(ctx, "person "+person, personTurns)
	if err != nil {
		return nil, err
	}
	two, err := l.busy.take(ctx, "organization "+tenant.String(), tenantTurns)
	if err != nil {
		one()
		return nil, err
	}
	return func() { two(); one() }, nil
}

// form waits until the form of whoever sends it may be read. The caller releases it once it is answered.
func (l *limits) form(ctx context.Context, whose string) (release func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	return l.busy.take(ctx, "forms of "+whose, formTurns)
}

// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"example.com/syshim/gobind/sys"
)

// The engines.
const (
	EngineIOUring = "io_uring"
	EngineEpoll   = "epoll"
)

var (
	// ErrClosed is the error of all methods after Close.
	ErrClosed = errors.New("aio: closed")
	// ErrPolling is the error of a PollEvents while another one waits.
	ErrPolling = errors.New("aio: another goroutine is in PollEvents")
)

const (
	defaultSlots   = 1024
	maxSlots       = 1 << 20
	defaultHelpers = 4
	maxHelpers     = 1 << 10
)

type config struct {
	engine  string
	slots   int
	helpers int
}

// An Option changes what New makes.
type Option func(*config)

// WithEngine forces an engine: [EngineIOUring] or [EngineEpoll]. When it is
// not available New fails.
func WithEngine(name string) Option {
	return func(c *config) { c.engine = name }
}

// WithSlots sets how many operations can be in flight or wait to be reaped. The
// default is 1024.
func WithSlots(n int) Option {
	return func(c *config) { c.slots = n }
}

// WithHelpers sets how many goroutines do what can only block, on epoll. They
// start when they are needed. The default is 4.
func WithHelpers(n int) Option {
	return func(c *config) { c.helpers = n }
}

// An AIO does operations without blocking. It must be closed: one that is
// dropped is reported on the standard error, and what it holds stays.
type AIO struct {
	c       *core
	cleanup runtime.Cleanup
}

// New makes an AIO on the engine that was forced, or else on the first that is
// available.
func New(opts ...Option) (*AIO, error) {
	cfg := config{slots: defaultSlots, helpers: defaultHelpers}
	for _, opt := range opts {
		opt(&cfg)
	}
	if cfg.slots < 1 || cfg.slots > maxSlots {
		return nil, fmt.Errorf("aio: %d slots: %w", cfg.slots, sys.EINVAL)
	}
	if cfg.helpers < 1 || cfg.helpers > maxHelpers {
		return nil, fmt.Errorf("aio: %d helpers: %w", cfg.helpers, sys.EINVAL)
	}
	c := newCore(cfg.slots)
	if err := c.choose(cfg); err != nil {
		return nil, err
	}
	registry.Store(c, struct{}{})
	a := &AIO{c: c}
	a.cleanup = runtime.AddCleanup(a, reportLost, c.eng.name())
	return a, nil
}

func reportLost(engine string) {
	fmt.Fprintf(os.Stderr, "aio: an AIO on %s was dropped without Close; what it holds stays\n", engine)
}

// Engine returns the name of the engine: [EngineIOUring] or [EngineEpoll].
func (a *AIO) Engine() string {
	return a.c.eng.name()
}

// Reason returns why this engine was chosen, in words.
func (a *AIO) Reason() string {
	return a.c.reason
}

// Read reads into buf at offset; N is 0 at the end of the file. It is
// preadv2(2) with one buffer.
func (a *AIO) Read(fd int, buf []byte, offset int64, token uint64) error {
	return a.c.transfer(OpRead, fd, buf, offset, token)
}

// Write writes buf at offset. It is pwritev2(2) with one buffer.
func (a *AIO) Write(fd int, buf []byte, offset int64, token uint64) error {
	return a.c.transfer(OpWrite, fd, buf, offset, token)
}

// SubmitRead is Read with token 0.
func (a *AIO) SubmitRead(fd int, buf []byte, offset int64) error {
	return a.Read(fd, buf, offset, 0)
}

// SubmitWrite is Write with token 0.
func (a *AIO) SubmitWrite(fd int, buf []byte, offset int64) error {
	return a.Write(fd, buf, offset, 0)
}

// Accept takes the next connection of a listening socket; N is its descriptor,
// which is close-on-exec. flags is 0 or SOCK_NONBLOCK.
func (a *AIO) Accept(fd, flags int, token uint64) error {
	if flags&^(sys.SOCK_NONBLOCK|sys.SOCK_CLOEXEC) != 0 {
		return sys.EINVAL
	}
	return a.c.submit(OpAccept, fd, nil, int64(flags), token)
}

// Recv receives into buf. It is recv(2).
func (a *AIO) Recv(fd int, buf []byte, flags int, token uint64) error {
	return a.c.submit(OpRecv, fd, buf, messageFlags(flags), token)
}

// Send sends buf. It is send(2) with MSG_NOSIGNAL.
func (a *AIO) Send(fd int, buf []byte, flags int, token uint64) error {
	return a.c.submit(OpSend, fd, buf, messageFlags(flags), token)
}

// messageFlags removes flags without a meaning here: nobody is made to wait, and
// what is only looked at cannot be collected in parts.
func messageFlags(flags int) int64 {
	if flags&sys.MSG_PEEK != 0 {
		flags &^= sys.MSG_WAITALL
	}
	return int64(flags &^ sys.MSG_DONTWAIT)
}

// Poll waits, once, until fd has one of events (POLLIN, POLLOUT, ...); N is
// the mask of what it has.
func (a *AIO) Poll(fd int, events uint32, token uint64) error {
	return a.c.submit(OpPoll, fd, nil, int64(events), token)
}

// Timeout ends after d, with N 0.
func (a *AIO) Timeout(d time.Duration, token uint64) error {
	return a.c.submit(OpTimeout, -1, nil, int64(max(d, 0)), token)
}

// Cancel ends the operations with the token target, as the package says.
func (a *AIO) Cancel(target, token uint64) error {
	return a.c.submit(OpCancel, -1, nil, int64(target), token)
}

// CloseFD ends the operations on fd, then closes it.
func (a *AIO) CloseFD(fd int, token uint64) error {
	return a.c.submit(OpClose, fd, nil, 0, token)
}

// Forget ends the operations on fd and leaves it open. It succeeds for a
// descriptor that the AIO never saw, too.
func (a *AIO) Forget(fd int, token uint64) error {
	return a.c.submit(OpForget, fd, nil, 0, token)
}

// PollEvents waits until operations have ended, and returns their events. It
// waits timeoutMs milliseconds, for ever when that is negative; when the time
// is over there is no event and no error. The events belong to the AIO and are
// valid until the next call.
func (a *AIO) PollEvents(timeoutMs int) ([]Event, error) {
	events, err := a.c.poll(milliseconds(timeoutMs))
	// Who waits has not dropped the AIO.
	runtime.KeepAlive(a)
	return events, err
}

// milliseconds is ms as a duration; one that is too long is for ever.
func milliseconds(ms int) time.Duration {
	if ms < 0 || ms > int(forever/time.Millisecond) {
		return -1
	}
	return time.Duration(ms) * time.Millisecond
}

// Close ends everything in flight, waits until the kernel and the helpers are
// done with the buffers, and gives back what the AIO holds. Events that were
// not reaped are dropped, a connection among them is closed. A PollEvents that
// waits returns ErrClosed. Descriptors that were given to the AIO stay open,
// except for those that CloseFD was called for. After an error the kernel may
// still use the memory, and what the AIO holds stays; Close may be called again.
func (a *AIO) Close() error {
	err := a.c.close()
	a.cleanup.Stop()
	return err
}

// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/sys"
)

// fault is a row of tests/aio_fault.tab.
type fault struct {
	verb, engine, call string
	nth, errno, want   int
	becomes            string
}

func (f fault) String() string {
	return fmt.Sprintf("%s %s %s %d errno %d", f.verb, f.engine, f.call, f.nth, f.errno)
}

// in runs fn while the call of the row fails.
func (f fault) in(t *testing.T, fn func() error) error {
	t.Helper()
	return faultkernel.Named(t, f.call, f.nth, f.errno, fn)
}

// isResult tells whether n and err are a result as C has it.
func isResult(n int, err error, want int) bool {
	if want < 0 {
		return errors.Is(err, syscall.Errno(-want))
	}
	return err == nil && n == want
}

func (f fault) init(t *testing.T) {
	var opts []Option
	if f.engine != "" {
		opts = append(opts, WithEngine(f.engine))
	}
	engine := ""
	err := f.in(t, func() error {
		a, err := New(opts...)
		if err != nil {
			return err
		}
		engine = a.Engine()
		return a.Close()
	})
	if err == faultkernel.ErrRefused {
		t.Logf("%v: %v", f, err)
		return
	}
	if !isResult(0, err, f.want) || engine != f.becomes {
		t.Errorf("%v: %q, %v; want %q, %d", f, engine, err, f.becomes, f.want)
	}
}

func (f fault) wait(t *testing.T) {
	a := open(t, f.engine)
	n := 0
	err := f.in(t, func() error {
		// Longer than it takes to begin to wait.
		if err := a.Timeout(50*time.Millisecond, 1); err != nil {
			return err
		}
		events, err := a.PollEvents(patience)
		n = len(events)
		return err
	})
	if err == faultkernel.ErrRefused {
		t.Logf("%v: %v", f, err)
	} else if !isResult(n, err, f.want) {
		t.Errorf("%v: %d, %v; want %d", f, n, err, f.want)
	}
	if n == 0 {
		want(t, next(t, a), 0, nil)
	}
}

func (f fault) read(t *testing.T) {
	a := open(t, f.engine)
	r, w := pipe(t, 0)
	err := f.in(t, func() error { return a.Read(r, make([]byte, 1), -1, 1) })
	if err == faultkernel.ErrRefused {
		t.Logf("%v: %v", f, err)
		return
	}
	check(t, err)
	_, err = sys.Write(w, []byte("xy"))
	check(t, err)
	if ev := next(t, a); !isResult(ev.N, ev.Err, f.want) {
		t.Errorf("%v: %d, %v; want %d", f, ev.N, ev.Err, f.want)
	}
	check(t, a.Read(r, make([]byte, 1), -1, 2))
	want(t, next(t, a), 1, nil)
}

func TestFaultsDoWhatTheTableSays(t *testing.T) {
	t.Setenv(engineVariable, "")
	for _, engine := range []string{EngineEpoll, EngineIOUring, ""} {
		t.Run("engine="+engine, func(t *testing.T) {
			if engine != EngineEpoll {
				open(t, EngineIOUring)
			}
			for _, row := range aioFaults {
				if row.engine != engine {
					continue
				}
				f := fault(row)
				switch f.verb {
				case "init":
					f.init(t)
				case "wait":
					f.wait(t)
				case "read":
					f.read(t)
				default:
					t.Errorf("no verb %s", f.verb)
				}
			}
		})
	}
}

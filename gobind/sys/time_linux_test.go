// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
)

// The goroutine of os/signal never ends: it shall be no leak.
func init() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGALRM)
	signal.Stop(c)
}

func TestTimesAgree(t *testing.T) {
	before := time.Now()
	var tv sys.Timeval
	check(t, sys.Gettimeofday(&tv))
	var tt sys.Time_t
	now, err := sys.Time(&tt)
	check(t, err)
	after := time.Now()
	// The coarse clock may lag by a tick of 10 ms.
	if now != tt || int64(now) < before.Add(-20*time.Millisecond).Unix() || int64(now) > after.Unix() {
		t.Errorf("time %d, %d; want %d to %d", now, tt, before.Unix(), after.Unix())
	}
	if us := tv.Sec*1e6 + tv.Usec; us < before.UnixMicro() || us > after.UnixMicro() {
		t.Errorf("time of day %d; want %d to %d", us, before.UnixMicro(), after.UnixMicro())
	}
}

func TestItimervalIsMadeOfDurations(t *testing.T) {
	got := sys.MakeItimerval(1500*time.Millisecond, 2*time.Microsecond+999)
	want := sys.Itimerval{Interval: sys.Timeval{Sec: 1, Usec: 500000}, Value: sys.Timeval{Usec: 2}}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTimerSendsItsSignal(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGALRM)
	defer signal.Stop(c)
	left, err := sys.Alarm(1000)
	check(t, err)
	if left != 0 {
		t.Errorf("%d s were left of no alarm", left)
	}
	old, err := sys.Setitimer(sys.ItimerReal, sys.MakeItimerval(0, time.Millisecond))
	check(t, err)
	if old.Value.Sec < 900 || old.Value.Sec > 1000 {
		t.Errorf("%+v was left of 1000 s", old)
	}
	<-c
	it, err := sys.Getitimer(sys.ItimerReal)
	check(t, err)
	if it != (sys.Itimerval{}) {
		t.Errorf("a timer that ended: %+v", it)
	}
}

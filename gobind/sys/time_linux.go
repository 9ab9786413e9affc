// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import "time"

// Time_t is a time in seconds since 1970.
type Time_t int64

// Time does what time(2) does, by clock_gettime. t may be nil.
func Time(t *Time_t) (tt Time_t, err error) {
	var ts Timespec
	if err := ClockGettime(CLOCK_REALTIME_COARSE, &ts); err != nil {
		return -1, err
	}
	if t != nil {
		*t = Time_t(ts.Sec)
	}
	return Time_t(ts.Sec), nil
}

// Gettimeofday calls gettimeofday(2), without its zone.
func Gettimeofday(tv *Timeval) (err error) {
	return RawGettimeofday(tv, nil)
}

// Settimeofday calls settimeofday(2), without its zone.
func Settimeofday(tv *Timeval) (err error) {
	return RawSettimeofday(tv, nil)
}

// ItimerWhich is a timer of the process, for [Getitimer] and [Setitimer].
type ItimerWhich int

// The timers of a process.
const (
	ItimerReal    ItimerWhich = ITIMER_REAL
	ItimerVirtual ItimerWhich = ITIMER_VIRTUAL
	ItimerProf    ItimerWhich = ITIMER_PROF
)

// Getitimer calls getitimer(2).
func Getitimer(which ItimerWhich) (Itimerval, error) {
	var it Itimerval
	err := RawGetitimer(int(which), &it)
	return it, err
}

// Setitimer calls setitimer(2), and returns what the timer was before.
func Setitimer(which ItimerWhich, it Itimerval) (Itimerval, error) {
	var old Itimerval
	err := RawSetitimer(int(which), &it, &old)
	return old, err
}

// MakeItimerval makes an Itimerval of durations, rounded down to microseconds.
func MakeItimerval(interval, value time.Duration) Itimerval {
	return Itimerval{
		Interval: Timeval{Sec: int64(interval / time.Second), Usec: int64(interval % time.Second / time.Microsecond)},
		Value:    Timeval{Sec: int64(value / time.Second), Usec: int64(value % time.Second / time.Microsecond)},
	}
}

// Alarm does what alarm(2) does, by setitimer: SIGALRM comes after seconds, or
// not at all when that is 0. It returns the seconds that were left before,
// rounded up when less than one.
func Alarm(seconds uint) (remaining uint, err error) {
	old, err := Setitimer(ItimerReal, Itimerval{Value: Timeval{Sec: int64(seconds)}})
	if err != nil {
		return 0, err
	}
	remaining = uint(old.Value.Sec)
	// As the kernel does it.
	if old.Value.Usec >= 500000 || (remaining == 0 && old.Value.Usec != 0) {
		remaining++
	}
	return remaining, nil
}

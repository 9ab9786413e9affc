// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// The set-up of the engine on io_uring.

const (
	// mostEntries is how many requests are queued before they are handed
	// over, at most.
	mostEntries = 4096
	// fewestEntries is the smallest ring that is tried.
	fewestEntries = 8
)

const required = uring.FeatNodrop | uring.FeatSubmitStable | uring.FeatRWCurPos

func openURing(c *core, cfg config) (engine, error) {
	r, err := newRing(cfg.slots)
	if err != nil {
		return nil, err
	}
	if err := usable(r); err != nil {
		r.Close()
		return nil, err
	}
	return newURing(c, r), nil
}

func newURing(c *core, r *uring.Ring) *ring {
	u := &ring{core: c, Ring: r, base: time.Now()}
	u.waiter.init(r.FD(), r.Features()&uring.FeatExtArg != 0)
	u.timers.init(len(c.slots))
	return u
}

// usable says why the kernel's ring is not enough, or nil. It lets the kernel
// do nothing, for a filter may allow to make a ring and forbid to use it.
func usable(r *uring.Ring) error {
	if err := lacks(r.Features()); err != nil {
		return err
	}
	r.NextSQE().Nop()
	if _, err := r.SubmitAndWait(1); err != nil {
		return err
	}
	r.Advance(1)
	return nil
}

func lacks(features uring.Features) error {
	if missing := required &^ features; missing != 0 {
		return fmt.Errorf("io_uring lacks features %#x: %w", uint32(missing), sys.EOPNOTSUPP)
	}
	return nil
}

// newRing makes a ring for so many operations, each of which may have a request
// to cancel it besides its own. A smaller one does it, too, for the kernel
// keeps completions that have no place.
func newRing(slots int) (*uring.Ring, error) {
	entries := uint32(fewestEntries)
	for int(entries) < min(slots, mostEntries) {
		entries *= 2
	}
	completions := 2 * uint32(slots+fewestEntries)
	for {
		r, err := setUp(entries, completions)
		if !errors.Is(err, sys.ENOMEM) {
			return r, err
		}
		limit, limited := memlock()
		if !limited {
			return nil, err
		}
		if entries == fewestEntries {
			return nil, &memlockError{err, limit, ringSize(entries, completions, os.Getpagesize())}
		}
		entries /= 2
		completions = 2 * entries
	}
}

// setUp leaves out flags that the kernel does not know.
func setUp(entries, completions uint32) (r *uring.Ring, err error) {
	for _, flags := range []uring.SetupFlags{
		uring.SetupSubmitAll | uring.SetupNoSQArray,
		uring.SetupSubmitAll,
		0,
	} {
		r, err = uring.New(entries, uring.WithFlags(uring.SetupClamp|flags), uring.WithCQEntries(completions))
		if !errors.Is(err, sys.EINVAL) {
			break
		}
	}
	return r, err
}

// memlock returns how many bytes the user may lock, if that is limited.
func memlock() (limit uint64, limited bool) {
	var lim sys.Rlimit
	if err := sys.Prlimit(0, sys.RLIMIT_MEMLOCK, nil, &lim); err != nil {
		return 0, false
	}
	// RLIM_INFINITY is all ones.
	return lim.Cur, lim.Cur != math.MaxUint64
}

// ringSize is how many bytes a ring locks, in pages.
func ringSize(entries, completions uint32, pageSize int) uint64 {
	page := uint64(pageSize)
	pages := func(n uint64) uint64 { return (n + page - 1) / page * page }
	return pages(64*uint64(entries)) + pages(64+4*uint64(entries)+16*uint64(completions))
}

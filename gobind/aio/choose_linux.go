// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"example.com/syshim/gobind/sys"
)

// engineVariable forces an engine from outside of the program.
const engineVariable = "SHIM_AIO_ENGINE"

// candidate is an engine that can be tried.
type candidate struct {
	name string
	open func(*core, config) (engine, error)
}

// candidates, best first.
var candidates = []candidate{
	{EngineIOUring, openURing},
	{EngineEpoll, openEpoll},
}

// unavailable says whether err means that the kernel is too old for an engine,
// or that a sysctl, a filter or RLIMIT_MEMLOCK forbids it. Other errors, like
// EMFILE, are no reason to take another engine.
func unavailable(err error) bool {
	var locked *memlockError
	return errors.Is(err, sys.ENOSYS) || errors.Is(err, sys.EPERM) ||
		errors.Is(err, sys.EACCES) || errors.Is(err, sys.EOPNOTSUPP) ||
		errors.As(err, &locked)
}

// memlockError says that RLIMIT_MEMLOCK has no room for the smallest ring.
type memlockError struct {
	err         error
	limit, need uint64
}

func (e *memlockError) Error() string {
	return fmt.Sprintf("%v: a ring needs %d bytes of locked memory, RLIMIT_MEMLOCK of the user is %d bytes",
		e.err, e.need, e.limit)
}

func (e *memlockError) Unwrap() error { return e.err }

// choose opens the engine that was forced, or the best.
func (c *core) choose(cfg config) error {
	name, by := cfg.engine, "WithEngine"
	if name == "" {
		name, by = forced(), engineVariable
	}
	if name != "" {
		return c.force(cfg, name, by)
	}
	why := "first choice"
	for i, cand := range candidates {
		eng, err := cand.open(c, cfg)
		if err == nil {
			c.eng = eng
			c.reason = cand.name + ": " + why
			return nil
		}
		if i == len(candidates)-1 || !unavailable(err) {
			return fmt.Errorf("aio: %s: %w", cand.name, err)
		}
		why = describe(err)
	}
	return nil
}

func (c *core) force(cfg config, name, by string) error {
	i := slices.IndexFunc(candidates, func(cand candidate) bool {
		return cand.name == name
	})
	if i < 0 {
		return fmt.Errorf("aio: unknown engine %q in %s: %w", name, by, sys.EINVAL)
	}
	eng, err := candidates[i].open(c, cfg)
	if err != nil {
		return fmt.Errorf("aio: %s, forced by %s: %w", name, by, err)
	}
	c.eng = eng
	c.reason = name + ": forced by " + by
	return nil
}

// forced returns the engine that the environment names, if the program may
// listen to it.
func forced() string {
	name := os.Getenv(engineVariable)
	if name == "" || secure() {
		return ""
	}
	return name
}

// secure says whether the program has rights that its starter lacks
// (AT_SECURE). When the kernel does not tell, it may have.
func secure() bool {
	fd, err := sys.Openat(sys.AT_FDCWD, "/proc/self/auxv", sys.O_RDONLY|sys.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer sys.Close(fd)
	buf := make([]byte, 4096)
	n, err := sys.Read(fd, buf)
	if err != nil {
		return true
	}
	// Pairs of type and value.
	for buf = buf[:n]; len(buf) >= 16; buf = buf[16:] {
		if binary.NativeEndian.Uint64(buf) == sys.AT_SECURE {
			return binary.NativeEndian.Uint64(buf[8:]) != 0
		}
	}
	return true
}

// errnoNames are the errors that make an engine unavailable.
var errnoNames = map[sys.Errno]string{
	sys.ENOSYS:     "ENOSYS",
	sys.EPERM:      "EPERM",
	sys.EACCES:     "EACCES",
	sys.EOPNOTSUPP: "EOPNOTSUPP",
}

// describe says why an engine is unavailable.
func describe(err error) string {
	if call, ok := err.(*os.SyscallError); ok {
		if e, ok := call.Err.(sys.Errno); ok {
			return fmt.Sprintf("%s failed with errno %d (%s)", call.Syscall, int(e), errnoNames[e])
		}
	}
	return err.Error()
}

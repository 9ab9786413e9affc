// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// A table is the descriptors of a process: which file each is, and whether exec
// closes it.
type table map[int]entry

type entry struct {
	file    int
	cloexec bool
}

// run does with the table what a kernel would do in steps.
func (d table) run(steps []spawn.Step) error {
	var regs [8]uint64
	for i, s := range steps {
		a := s.Args
		if s.Flags&spawn.StepArg != 0 {
			a[0] = regs[a[0]]
		}
		from, known := d[int(a[0])]
		switch s.Nr {
		case sys.SYS_DUP3:
			if !known || a[0] == a[1] {
				return fmt.Errorf("step %d: dup3 %d %d", i, a[0], a[1])
			}
			d[int(a[1])] = entry{from.file, a[2] != 0}
		case sys.SYS_FCNTL:
			if !known {
				return fmt.Errorf("step %d: fcntl %d", i, a[0])
			}
			if a[1] == sys.F_SETFD {
				d[int(a[0])] = entry{from.file, a[2] != 0}
				continue
			}
			fd := int(a[2])
			for d[fd] != (entry{}) {
				fd++
			}
			d[fd] = entry{from.file, true}
			regs[s.Flags/spawn.StepReg&7] = uint64(fd)
		case sys.SYS_CLOSE:
			delete(d, int(a[0]))
		case sys.SYS_CLOSE_RANGE:
			maps.DeleteFunc(d, func(fd int, _ entry) bool {
				return uint64(fd) >= a[0] && uint64(fd) <= a[1]
			})
		}
	}
	maps.DeleteFunc(d, func(_ int, e entry) bool { return e.cloexec })
	return nil
}

// randomFDs makes n moves among the descriptors below most, of which open ones
// are in from.
func randomFDs(r *rand.Rand, n, most int, from []int) []spawn.FD {
	fds := make([]spawn.FD, n)
	for i, to := range r.Perm(most)[:n] {
		fds[i] = spawn.FD{From: from[r.IntN(len(from))], To: to}
		if r.IntN(8) == 0 {
			fds[i].From = -1
		}
	}
	return fds
}

// wantTable is what a child of a parent with the table has after the moves.
func wantTable(parent table, fds []spawn.FD, keep bool) table {
	want := make(table)
	for fd, e := range parent {
		if (fd < 3 || keep) && !e.cloexec {
			want[fd] = e
		}
	}
	for _, fd := range fds {
		delete(want, fd.To)
		if fd.From >= 0 {
			want[fd.To] = entry{parent[fd.From].file, false}
		}
	}
	return want
}

func TestDescriptorsMoveAtOnceInTheModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		most := 4 + r.IntN(12)
		parent := make(table)
		var from []int
		for fd := range most {
			if fd < 1 || r.IntN(4) > 0 {
				parent[fd] = entry{1 + r.IntN(100), r.IntN(2) == 0}
				from = append(from, fd)
			}
		}
		o := &spawn.Options{
			Path:    "x",
			FDs:     randomFDs(r, r.IntN(most+1), most, from),
			KeepFDs: r.IntN(2) == 0,
		}
		steps, err := spawn.StepsOf(o)
		check(t, err)
		got := maps.Clone(parent)
		if err := got.run(steps); err != nil {
			t.Fatalf("%v of %v: %v", o.FDs, parent, err)
		}
		if want := wantTable(parent, o.FDs, o.KeepFDs); !maps.Equal(got, want) {
			t.Fatalf("%v of %v (kept: %v) gives %v, want %v", o.FDs, parent, o.KeepFDs, got, want)
		}
	}
}

func TestPermutationIsMadeWithOneDescriptorMore(t *testing.T) {
	steps, err := spawn.StepsOf(&spawn.Options{
		Path: "x",
		FDs:  []spawn.FD{{From: 0, To: 1}, {From: 1, To: 2}, {From: 2, To: 0}},
	})
	check(t, err)
	var calls []uint32
	for _, s := range steps {
		calls = append(calls, s.Nr)
	}
	want := fmt.Sprint([]int{sys.SYS_FCNTL, sys.SYS_DUP3, sys.SYS_DUP3, sys.SYS_DUP3,
		sys.SYS_CLOSE_RANGE, sys.SYS_RT_SIGPROCMASK, sys.SYS_EXECVE})
	if got := fmt.Sprint(calls); got != want {
		t.Errorf("calls %v, want %v", got, want)
	}
}

// childFDs starts the helper with the options and returns its open descriptors,
// by inode.
func childFDs(t *testing.T, o spawn.Options, most int) map[int]uint64 {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report")
	o.Path = "/proc/self/exe"
	o.Args = []string{"fds", report, fmt.Sprint(most)}
	o.Env = []string{helperEnv + "=fds", "GORACE=atexit_sleep_ms=0"}
	pid, pidfd, err := spawn.Start(&o)
	check(t, err)
	reap(t, pid, pidfd)
	b, err := os.ReadFile(report)
	check(t, err)
	fds := make(map[int]uint64)
	for len(b) > 0 {
		var fd int
		var inode uint64
		n, err := fmt.Sscanln(string(b), &fd, &inode)
		if err != nil {
			t.Fatalf("%d values of %q: %v", n, b, err)
		}
		fds[fd] = inode
		b = b[len(fmt.Sprintln(fd, inode)):]
	}
	return fds
}

func inode(t *testing.T, fd int) uint64 {
	t.Helper()
	var st syscall.Stat_t
	check(t, syscall.Fstat(fd, &st))
	return st.Ino
}

func TestDescriptorsMoveAtOnce(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	const first, n = 40, 10
	var open []int
	for fd := first; fd < first+n; fd++ {
		f, err := os.CreateTemp(t.TempDir(), "")
		check(t, err)
		check(t, sys.Dup3(int(f.Fd()), fd, sys.O_CLOEXEC))
		check(t, f.Close())
		defer sys.Close(fd)
		open = append(open, fd)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range runs(30) {
		fds := randomFDs(r, n, n, open)
		for i := range fds {
			fds[i].To += first
		}
		want := map[int]uint64{0: inode(t, 0), 1: inode(t, 1), 2: inode(t, 2)}
		for _, fd := range fds {
			if fd.From >= 0 {
				want[fd.To] = inode(t, fd.From)
			}
		}
		if got := childFDs(t, spawn.Options{FDs: fds}, 64); !maps.Equal(got, want) {
			t.Fatalf("%v: the child has %v, want %v", fds, got, want)
		}
	}
}

func TestOnlyNamedDescriptorsAreInherited(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	null, err := os.Open(os.DevNull)
	check(t, err)
	defer null.Close()
	// One that a careless library left open for children.
	careless, err := sys.FcntlInt(null.Fd(), sys.F_DUPFD, 50)
	check(t, err)
	defer sys.Close(careless)
	for _, keep := range []bool{false, true} {
		fds := childFDs(t, spawn.Options{KeepFDs: keep}, 128)
		if _, inherited := fds[careless]; inherited != keep {
			t.Errorf("kept: %v; inherited: %v", keep, inherited)
		}
		if _, inherited := fds[int(null.Fd())]; inherited {
			t.Errorf("kept: %v; the child has what is close-on-exec", keep)
		}
		if !keep && len(fds) != 3 {
			t.Errorf("kept: %v; descriptors %v", keep, fds)
		}
	}
}

// What a start opens for itself takes the numbers of what is closed.
func TestWhatIsClosedIsNotThePackages(t *testing.T) {
	leakcheck.Check(t)
	null, err := os.Open(os.DevNull)
	check(t, err)
	first := int(null.Fd())
	check(t, null.Close())
	for fd := first; fd < first+9; fd++ {
		if _, err := sys.FcntlInt(uintptr(fd), sys.F_GETFD, 0); err == nil {
			continue
		}
		for _, o := range []spawn.Options{
			{FDs: []spawn.FD{{From: fd, To: 60}}},
			{Fchdir: true, DirFD: fd},
			{UseExecFD: true, ExecFD: fd, Args: []string{"true"}},
			{Attr: spawn.Attr{Foreground: true, ForegroundFD: fd}},
		} {
			o.Copy = true
			if !o.UseExecFD {
				o.Path = "/bin/true"
			}
			if _, _, err := spawn.Start(&o); !errors.Is(err, sys.EBADF) {
				t.Errorf("%+v: error %v, want EBADF", o, err)
			}
		}
	}
	noChild(t)
}

func TestKeptDescriptorsWaitForTheForkLock(t *testing.T) {
	start := func(keep bool) chan error {
		done := make(chan error, 1)
		go func() {
			pid, pidfd, err := spawn.Start(&spawn.Options{Path: "/bin/true", Args: []string{"true"}, KeepFDs: keep})
			if err == nil {
				reap(t, pid, pidfd)
			}
			done <- err
		}()
		return done
	}
	// Another goroutine is about to make a new descriptor close-on-exec.
	syscall.ForkLock.RLock()
	check(t, <-start(false))
	done := start(true)
	waitUntil(t, "the lock is asked for", func() bool {
		// A reader waits behind a writer that waits.
		if syscall.ForkLock.TryRLock() {
			syscall.ForkLock.RUnlock()
			return false
		}
		return true
	})
	select {
	case err := <-done:
		t.Errorf("started without the lock: %v", err)
		done <- err
	default:
	}
	syscall.ForkLock.RUnlock()
	check(t, <-done)
}

func TestWithoutAPidfdTheNumberIsEnough(t *testing.T) {
	free := func() int {
		fd, err := sys.FcntlInt(0, sys.F_DUPFD_CLOEXEC, 3)
		check(t, err)
		sys.Close(fd)
		return fd
	}
	before := free()
	pid, pidfd, err := spawn.Start(&spawn.Options{Path: "/bin/true", Args: []string{"true"}, NoPidfd: true})
	check(t, err)
	if got := free(); pidfd != -1 || got != before {
		t.Errorf("pidfd %d, the next descriptor is %d, before %d", pidfd, got, before)
	}
	reap(t, pid, pidfd)
}

// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// ramp is what flows: byte i is i % 251.
func ramp(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i % 251)
	}
	return p
}

// An end is one file, and the other of a pair.
type end struct {
	file, other *os.File
}

func (e *end) close() {
	// What is nil or closed may be closed.
	e.file.Close()
	e.other.Close()
}

// blocking are two files that the runtime does not poll; with nonblock they are
// non-blocking nevertheless.
func blocking(t *testing.T, nonblock bool, fds [2]int, err error) (a, b *os.File) {
	t.Helper()
	check(t, err)
	a, b = os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	if nonblock {
		check(t, syscall.SetNonblock(fds[0], true))
		check(t, syscall.SetNonblock(fds[1], true))
	}
	return a, b
}

func plainPipe(t *testing.T, nonblock bool) (r, w *os.File) {
	t.Helper()
	var fds [2]int
	err := sys.Pipe2(fds[:], sys.O_CLOEXEC)
	return blocking(t, nonblock, fds, err)
}

func plainSockets(t *testing.T) (a, b *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	return blocking(t, false, fds, err)
}

func plainFile(t *testing.T, flags int) *os.File {
	t.Helper()
	fd, err := sys.MemfdCreate("flow", sys.MFD_CLOEXEC)
	check(t, err)
	_, err = sys.FcntlInt(uintptr(fd), sys.F_SETFL, flags)
	check(t, err)
	return os.NewFile(uintptr(fd), "flow")
}

func device(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	return f
}

func put(t *testing.T, f *os.File, have int) {
	t.Helper()
	if _, err := f.Write(ramp(have)); err != nil {
		t.Fatal(err)
	}
}

// openFrom is what a row reads from.
func openFrom(t *testing.T, kind string, have int) (e end) {
	t.Helper()
	switch kind {
	case "pipe":
		e.file, e.other = plainPipe(t, false)
		put(t, e.other, have)
		e.other.Close()
	case "idle":
		e.file, e.other = plainPipe(t, true)
		put(t, e.other, have)
	case "file":
		e.file = plainFile(t, 0)
		put(t, e.file, have)
		_, err := e.file.Seek(0, io.SeekStart)
		check(t, err)
	case "socket":
		e.file, e.other = plainSockets(t)
		put(t, e.other, have)
		e.other.Close()
	case "null", "zero":
		e.file = device(t, "/dev/"+kind)
	case "writer":
		e.other, e.file = plainPipe(t, false)
	case "closed":
	default:
		t.Fatalf("what is %q?", kind)
	}
	return e
}

// openTo is what a row writes to.
func openTo(t *testing.T, kind string) (e end) {
	t.Helper()
	switch kind {
	case "pipe":
		e.other, e.file = plainPipe(t, false)
	case "small":
		e.other, e.file = plainPipe(t, true)
		_, err := spawn.SetPipeSize(e.file, 4096)
		check(t, err)
	case "broken":
		e.other, e.file = plainPipe(t, false)
		e.other.Close()
	case "reader":
		e.file, e.other = plainPipe(t, false)
	case "socket":
		e.file, e.other = plainSockets(t)
	case "null", "full":
		e.file = device(t, "/dev/"+kind)
	case "file":
		e.file = plainFile(t, 0)
	case "append":
		e.file = plainFile(t, os.O_APPEND)
	case "closed", "":
	default:
		t.Fatalf("what is %q?", kind)
	}
	return e
}

// arrived is what has arrived.
func arrived(t *testing.T, e *end) []byte {
	t.Helper()
	f := e.other
	if f == nil {
		f = e.file
		_, err := f.Seek(0, io.SeekStart)
		check(t, err)
	} else {
		e.file.Close()
	}
	if e.other != nil {
		raw, err := f.SyscallConn()
		check(t, err)
		raw.Control(func(fd uintptr) { err = syscall.SetNonblock(int(fd), false) })
		check(t, err)
	}
	b, err := io.ReadAll(f)
	check(t, err)
	return b
}

func checkArrived(t *testing.T, kind string, e *end, count int64) {
	t.Helper()
	switch kind {
	case "pipe", "file", "append", "socket", "small":
		if b := arrived(t, e); !bytes.Equal(b, ramp(int(count))) {
			t.Errorf("%s has %d bytes, or others; want %d", kind, len(b), count)
		}
	case "null":
	default:
		if count != 0 {
			t.Errorf("%s took %d", kind, count)
		}
	}
}

func checkCount(t *testing.T, what string, count int64, want, have int) {
	t.Helper()
	if count != int64(want) && (want >= 0 || count <= 0 || count >= int64(have)) {
		t.Errorf("%s %d, want %d", what, count, want)
	}
}

// callErrno is the number of an error that names its call.
func callErrno(t *testing.T, err error) int {
	t.Helper()
	var call *os.SyscallError
	var errno syscall.Errno
	if err == nil {
		return 0
	}
	if !errors.As(err, &call) || call.Syscall == "" || !errors.As(err, &errno) {
		t.Errorf("error %v names no call", err)
	}
	return -int(errno)
}

// checkRest moves what is left in a pipe.
func checkRest(t *testing.T, from string, have int, flow *spawn.Flow) {
	t.Helper()
	if from != "pipe" && from != "idle" {
		return
	}
	want := 0
	if from == "idle" {
		want = -int(sys.EAGAIN)
	}
	moved := flow.Moved
	e := openTo(t, "pipe")
	defer e.close()
	flow.To, flow.Size = e.file, spawn.All
	if err := flow.Splice(); callErrno(t, err) != want {
		t.Errorf("the rest: %v, want errno %d", err, want)
	}
	if b := arrived(t, &e); flow.Moved != int64(have) || !bytes.Equal(b, ramp(have)[moved:]) {
		t.Errorf("the rest is %d bytes, or others, and %d in all; want %d", len(b), flow.Moved, have)
	}
}

func checkFlow(t *testing.T, i int) {
	row := spawnFlows[i]
	from, to, also := openFrom(t, row.from, row.have), openTo(t, row.to), openTo(t, row.also)
	defer from.close()
	defer to.close()
	defer also.close()
	flow := spawn.Flow{
		From: from.file, To: to.file, Also: also.file,
		Size: int64(row.ask), Memory: make([]byte, row.memory),
	}
	move := flow.Splice
	if row.also != "" {
		move = flow.Tee
	}
	if err := move(); callErrno(t, err) != row.want {
		t.Errorf("error %v, want errno %d", err, row.want)
	}
	checkCount(t, "moved", flow.Moved, row.moved, row.have)
	checkCount(t, "teed", flow.Teed, row.teed, row.have)
	moved := flow.Moved
	checkRest(t, row.from, row.have, &flow)
	checkArrived(t, row.to, &to, moved)
	checkArrived(t, row.also, &also, flow.Teed)
}

func TestFlowIsAsTheTableSays(t *testing.T) {
	for i, row := range spawnFlows {
		name := fmt.Sprint(row.from, " ", row.have, " ", row.to, " ", row.ask, " ", row.also, " ", row.memory)
		t.Run(name, func(t *testing.T) {
			leakcheck.Check(t)
			checkFlow(t, i)
		})
	}
}

func TestFlowThatWouldNeverEndDoesNotBegin(t *testing.T) {
	leakcheck.Check(t)
	r, w := plainPipe(t, false)
	defer r.Close()
	defer w.Close()
	file := plainFile(t, 0)
	defer file.Close()
	put(t, w, 3)
	put(t, file, 100)
	file.Seek(0, io.SeekStart)
	for _, f := range []*os.File{r, file} {
		flow := spawn.Flow{From: f, To: w, Size: spawn.All, Memory: make([]byte, 16)}
		if f == file {
			flow.To = file
		}
		if err := flow.Splice(); callErrno(t, err) != -int(sys.EINVAL) || flow.Moved != 0 {
			t.Errorf("error %v, moved %d", err, flow.Moved)
		}
	}
}

// polledPipe is a pipe that the runtime polls.
func polledPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := spawn.Pipe(0, 0)
	check(t, err)
	return r, w
}

func TestFlowWaitsForPolledFiles(t *testing.T) {
	leakcheck.Check(t)
	const size = 300000
	r, w := polledPipe(t)
	s, u := polledPipe(t)
	q, v := polledPipe(t)
	defer r.Close()
	defer s.Close()
	defer q.Close()
	flow := spawn.Flow{From: r, To: u, Also: v, Size: spawn.All}
	done := make(chan error, 4)
	go func() {
		_, err := w.Write(ramp(size))
		w.Close()
		done <- err
	}()
	go func() {
		err := flow.Tee()
		u.Close()
		v.Close()
		done <- err
	}()
	for _, f := range []*os.File{s, q} {
		go func() {
			b, err := io.ReadAll(f)
			if err == nil && !bytes.Equal(b, ramp(size)) {
				err = fmt.Errorf("%d bytes, or others", len(b))
			}
			done <- err
		}()
	}
	for range cap(done) {
		check(t, <-done)
	}
	if flow.Moved != size || flow.Teed != size {
		t.Errorf("moved %d, teed %d", flow.Moved, flow.Teed)
	}
}

func TestFlowWaitsForAFileThatBlocks(t *testing.T) {
	leakcheck.Check(t)
	const size, room = 300000, 4096
	r, w := polledPipe(t)
	defer r.Close()
	e := openTo(t, "pipe")
	defer e.close()
	_, err := spawn.SetPipeSize(e.file, room)
	check(t, err)
	done := make(chan error)
	go func() {
		_, err := w.Write(ramp(size))
		w.Close()
		done <- err
	}()
	// From is non-blocking, so splice does not wait for To.
	flow := spawn.Flow{From: r, To: e.file, Size: spawn.All}
	go func() {
		err := flow.Splice()
		e.file.Close()
		done <- err
	}()
	b, err := io.ReadAll(e.other)
	check(t, err)
	check(t, <-done)
	check(t, <-done)
	if flow.Moved != size || !bytes.Equal(b, ramp(size)) {
		t.Errorf("moved %d, read %d bytes, or others", flow.Moved, len(b))
	}
}

func TestFlowObservesDeadlines(t *testing.T) {
	leakcheck.Check(t)
	r, w := polledPipe(t)
	s, u := polledPipe(t)
	for _, f := range []*os.File{r, w, s, u} {
		defer f.Close()
	}
	put(t, w, 100)
	check(t, r.SetReadDeadline(time.Unix(0, 1)))
	flow := spawn.Flow{From: r, To: u, Size: spawn.All}
	if err := flow.Splice(); !errors.Is(err, os.ErrDeadlineExceeded) || flow.Moved != 100 {
		t.Errorf("error %v, moved %d", err, flow.Moved)
	}
	w.Close()
	check(t, r.SetReadDeadline(time.Time{}))
	if err := flow.Splice(); err != nil || flow.Moved != 100 {
		t.Errorf("error %v, moved %d", err, flow.Moved)
	}
}

// flowWithFault lets call n of a flow fail, and repeats the flow. It returns how
// many calls there were.
func flowWithFault(t *testing.T, n int, errno syscall.Errno, tees, toFile bool) (calls int) {
	const size = 5000
	from, to, also := openFrom(t, "pipe", size), openTo(t, "pipe"), openTo(t, "pipe")
	if toFile {
		to.close()
		to = openTo(t, "append")
	}
	defer from.close()
	defer to.close()
	defer also.close()
	flow := spawn.Flow{From: from.file, To: to.file, Also: also.file, Size: spawn.All, Memory: make([]byte, 2600)}
	move := flow.Splice
	if tees {
		move = flow.Tee
	}
	numbers := []uintptr{sys.SYS_SPLICE, sys.SYS_TEE, sys.SYS_READ, sys.SYS_WRITE}
	calls, err := faultkernel.Nth(t, numbers, n, errno, move)
	if errno == sys.EINTR {
		check(t, err)
	}
	if err != nil {
		callErrno(t, err)
		check(t, move())
	}
	want := int64(0)
	if tees {
		want = size
	}
	if flow.Moved != size || flow.Teed != want {
		t.Errorf("moved %d, teed %d", flow.Moved, flow.Teed)
	}
	checkArrived(t, "pipe", &to, size)
	checkArrived(t, "pipe", &also, want)
	return calls
}

func TestErrorOfAFlowLosesNoByte(t *testing.T) {
	leakcheck.Check(t)
	errnos := []syscall.Errno{sys.EIO, sys.EINTR, sys.ENOSYS, sys.EAGAIN, sys.EPERM, sys.EINVAL}
	// Each failure takes a start of this program.
	errnos = errnos[:max(2, runs(len(errnos)))]
	for form := range 4 {
		for _, errno := range errnos {
			for n := 1; ; n++ {
				calls := flowWithFault(t, n, errno, form&1 != 0, form&2 != 0)
				if t.Failed() {
					t.Fatalf("call %d, %v, form %d", n, errno, form)
				}
				if calls < n {
					break
				}
			}
		}
	}
}

func TestFlowWithoutSplice(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	for _, errno := range []syscall.Errno{sys.ENOSYS, sys.EPERM} {
		for _, memory := range []int{0, 700} {
			from, to := openFrom(t, "pipe", 5000), openTo(t, "pipe")
			flow := spawn.Flow{From: from.file, To: to.file, Size: spawn.All, Memory: make([]byte, memory)}
			err := denied(t, sys.SYS_SPLICE, errno, flow.Splice)
			want := int64(0)
			if memory > 0 {
				check(t, err)
				want = 5000
			} else if callErrno(t, err) != -int(errno) {
				t.Errorf("error %v, want %v", err, errno)
			}
			checkArrived(t, "pipe", &to, want)
			from.close()
			to.close()
		}
	}
}

func TestFlowThatGoesOnIsAskedAnew(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	from, to := openFrom(t, "pipe", 5000), openTo(t, "pipe")
	defer from.close()
	defer to.close()
	flow := spawn.Flow{From: from.file, To: to.file, Size: 1000, Memory: make([]byte, 700)}
	check(t, denied(t, sys.SYS_SPLICE, sys.ENOSYS, func() error {
		if err := flow.Splice(); err != nil {
			return err
		}
		flow.Size, flow.Memory = 3000, nil
		if err := flow.Splice(); callErrno(t, err) != -int(sys.ENOSYS) || flow.Moved != 1000 {
			t.Errorf("without memory: error %v, moved %d", err, flow.Moved)
		}
		return nil
	}))
	flow.Size = spawn.All
	check(t, flow.Splice())
	checkArrived(t, "pipe", &to, 5000)
}

// TestWriteThatTakesAPartIsCounted has a pipe without room for all of Memory: the
// next write is an error.
func TestWriteThatTakesAPartIsCounted(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	const size = 150000
	for _, tees := range []bool{false, true} {
		from, small, rest := openFrom(t, "file", size), openTo(t, "small"), openTo(t, "append")
		flow := spawn.Flow{From: from.file, To: small.file, Size: spawn.All, Memory: make([]byte, size)}
		move, count := flow.Splice, &flow.Moved
		if tees {
			flow.To, flow.Also = rest.file, small.file
			move, count = flow.Tee, &flow.Teed
		}
		check(t, denied(t, sys.SYS_SPLICE, sys.EINVAL, func() error {
			if err := move(); callErrno(t, err) != -int(sys.EAGAIN) {
				t.Errorf("error %v", err)
			}
			n := *count
			checkCount(t, "written", n, -1, size)
			checkArrived(t, "small", &small, n)
			flow.To = rest.file
			err := flow.Splice()
			want := ramp(size)
			if !tees {
				want = want[n:]
			}
			if b := arrived(t, &rest); flow.Moved != size || !bytes.Equal(b, want) {
				t.Errorf("moved %d; the rest is %d bytes, or others", flow.Moved, len(b))
			}
			return err
		}))
		from.close()
		small.close()
		rest.close()
	}
}

// TestTeeOwesNothingThatHasArrived lets a write to To fail part way, of bytes that
// Also has by tee(2). What comes later is for both again.
func TestTeeOwesNothingThatHasArrived(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	const before, after = 20000, 5000
	from, small, also, rest := openFrom(t, "idle", before), openTo(t, "small"), openTo(t, "pipe"), openTo(t, "append")
	flow := spawn.Flow{
		From: from.file, To: small.file, Also: also.file, Size: spawn.All, Memory: make([]byte, before),
	}
	check(t, denied(t, sys.SYS_SPLICE, sys.ENOSYS, func() error {
		if err := flow.Tee(); callErrno(t, err) != -int(sys.EAGAIN) || flow.Teed != before {
			t.Errorf("error %v, teed %d", err, flow.Teed)
		}
		checkCount(t, "moved", flow.Moved, -1, before)
		put(t, from.other, after)
		from.other.Close()
		flow.To = rest.file
		return flow.Tee()
	}))
	if flow.Moved != before+after || flow.Teed != before+after {
		t.Errorf("moved %d, teed %d", flow.Moved, flow.Teed)
	}
	if b := arrived(t, &also); !bytes.Equal(b, append(ramp(before), ramp(after)...)) {
		t.Errorf("Also has %d bytes, or others", len(b))
	}
	for _, e := range []end{from, small, also, rest} {
		e.close()
	}
}

func TestWriteThatTakesNothingIsAnError(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	for _, tees := range []bool{false, true} {
		from, to, also := openFrom(t, "pipe", 100), openTo(t, "append"), openTo(t, "append")
		flow := spawn.Flow{From: from.file, To: to.file, Also: also.file, Size: spawn.All, Memory: make([]byte, 100)}
		move, deaf := flow.Splice, to.file
		if tees {
			move, deaf = flow.Tee, also.file
		}
		check(t, behind(func() error {
			return spawn.DenySome([]spawn.Denial{{Call: sys.SYS_WRITE, Bits: math.MaxUint32, Value: uint32(deaf.Fd())}})
		}, func() error {
			if err := move(); callErrno(t, err) != -int(sys.EIO) || flow.Moved != 0 || flow.Teed != 0 {
				t.Errorf("error %v, moved %d, teed %d", err, flow.Moved, flow.Teed)
			}
			return nil
		}))
		check(t, move())
		checkArrived(t, "append", &to, 100)
		checkArrived(t, "append", &also, flow.Teed)
		from.close()
		to.close()
		also.close()
	}
}

func TestFlowDoesNotAllocate(t *testing.T) {
	leakcheck.Check(t)
	r, w := polledPipe(t)
	s, u := polledPipe(t)
	q, v := polledPipe(t)
	for _, f := range []*os.File{r, w, s, u, q, v} {
		defer f.Close()
	}
	flow := spawn.Flow{From: r, To: u, Also: v, Memory: make([]byte, 100)}
	b := ramp(100)
	for name, move := range map[string]func() error{"Splice": flow.Splice, "Tee": flow.Tee} {
		n := testing.AllocsPerRun(100, func() {
			w.Write(b)
			flow.Size += 100
			if err := move(); err != nil {
				t.Error(err)
			}
			io.ReadFull(s, b)
			if name == "Tee" {
				io.ReadFull(q, b)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	// Both ways of waiting: for what there is to read, and for room.
	past := time.Unix(0, 1)
	check(t, r.SetReadDeadline(past))
	check(t, u.SetWriteDeadline(past))
	wait := func() {
		flow.Size += 100
		if err := flow.Splice(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v, want that the time is over", err)
		}
	}
	if n := testing.AllocsPerRun(100, wait); n != 0 {
		t.Errorf("nothing to read: %v allocations", n)
	}
	_, err := spawn.SetPipeSize(u, 4096)
	check(t, err)
	u.SetWriteDeadline(time.Time{})
	put(t, u, 4096)
	check(t, u.SetWriteDeadline(past))
	put(t, w, 1)
	if n := testing.AllocsPerRun(100, wait); n != 0 {
		t.Errorf("no room: %v allocations", n)
	}
}

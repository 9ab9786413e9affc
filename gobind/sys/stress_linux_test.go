// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/sys"
)

// rounds is n, or few for an emulated CPU.
func rounds(n int) int {
	if os.Getenv("TEST_SCALE") == "small" || testing.Short() {
		return max(1, n/20)
	}
	return n
}

// Buffers on the heap and on stacks that grow must hold what the kernel wrote,
// while the collector runs.
func TestBuffersSurviveTheCollector(t *testing.T) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()

	var workers sync.WaitGroup
	for id := range 4 {
		r, w := pipe(t, 0)
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := range rounds(2000) {
				if !roundTrip(r, w, byte(id+i), i%50) {
					t.Errorf("worker %d: wrong bytes in round %d", id, i)
					return
				}
			}
		}()
	}
	workers.Wait()
}

// roundTrip sends four bytes through a pipe, depth frames below its caller.
func roundTrip(r, w int, seed byte, depth int) bool {
	var pad [256]byte
	if depth > 0 {
		pad[depth] = seed
		return roundTrip(r, w, seed, depth-1) && pad[depth] == seed
	}
	var stack [2]byte
	heap := make([]byte, 2)
	n, err := sys.Writev(w, [][]byte{{seed}, {seed + 1, seed + 2}, nil, {seed + 3}})
	if n != 4 || err != nil {
		return false
	}
	n, err = sys.Readv(r, [][]byte{stack[:], heap})
	return n == 4 && err == nil && stack == [2]byte{seed, seed + 1} &&
		heap[0] == seed+2 && heap[1] == seed+3
}

// Descriptors, mappings and sockets from many goroutines at once.
func TestCallsRunInParallel(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range rounds(300) {
				b, err := sys.Mmap(-1, 0, 5000, sys.PROT_READ|sys.PROT_WRITE, anonymous)
				if err != nil {
					t.Error(err)
					return
				}
				b[4999] = 1
				if err := sys.Munmap(b); err != nil {
					t.Error(err)
					return
				}
				p, err := sys.Socketpair(sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
				if err != nil {
					t.Error(err)
					return
				}
				sys.Close(p[0])
				n, err := sys.Read(p[1], b[:0:0])
				if n != 0 || err != nil {
					t.Errorf("Read gives %d, %v", n, err)
				}
				sys.Close(p[1])
			}
		}()
	}
	wg.Wait()
}

// A wait that a signal interrupts says so; nothing here tries again. SIGURG is
// the signal that the runtime always has a handler for.
func TestInterruptedWaitIsEINTR(t *testing.T) {
	epfd, err := sys.EpollCreate1(sys.EPOLL_CLOEXEC)
	check(t, err)
	closing(t, epfd)

	type result struct {
		n   int
		err error
	}
	tid := make(chan int)
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		tid <- sys.Gettid()
		n, err := sys.EpollWait(epfd, make([]sys.EpollEvent, 1), 10000)
		done <- result{n, err}
	}()
	id := <-tid
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		check(t, sys.Tgkill(sys.Getpid(), id, sys.SIGURG))
		select {
		case r := <-done:
			if r.n != -1 || r.err != sys.EINTR {
				t.Errorf("EpollWait gives %d, %v", r.n, r.err)
			}
			return
		case <-tick.C:
		}
	}
}

// Every error that the kernel can give arrives unchanged, once.
func TestErrorsArriveAsTheyAre(t *testing.T) {
	for _, errno := range []syscall.Errno{sys.EPERM, sys.EINTR, sys.EAGAIN, 4094} {
		fds := []int{7, 7}
		seen, err := faultkernel.Nth(t, []uintptr{sys.SYS_PIPE2}, 1, errno, func() error {
			return sys.Pipe2(fds, sys.O_CLOEXEC)
		})
		if seen != 1 || err != errno || fds[0] != 7 || fds[1] != 7 {
			t.Errorf("Pipe2 makes %d calls and gives %v, %v; want %v", seen, fds, err, errno)
		}
		fd := 0
		seen, err = faultkernel.Nth(t, []uintptr{sys.SYS_OPENAT}, 1, errno, func() (err error) {
			fd, err = sys.Openat(sys.AT_FDCWD, "/dev/null", sys.O_CLOEXEC, 0)
			return err
		})
		if seen != 1 || fd != -1 || err != errno {
			t.Errorf("Openat makes %d calls and gives %d, %v; want %v", seen, fd, err, errno)
		}
	}
}

func TestFailedMmapAndMunmapLeaveTheBooks(t *testing.T) {
	const size = 12345
	errs := faultkernel.Each(t, []uintptr{sys.SYS_MMAP}, sys.ENOMEM, func() error {
		b, err := sys.Mmap(-1, 0, size, sys.PROT_READ, anonymous)
		if err != nil {
			return err
		}
		return sys.Munmap(b)
	})
	if len(errs) != 2 || errs[0] != sys.ENOMEM {
		t.Errorf("errors %v", errs)
	}
	// A mapping that could not be undone is still known, and can be later.
	_, err := faultkernel.Nth(t, []uintptr{sys.SYS_MUNMAP}, 1, sys.ENOMEM, func() error {
		b, err := sys.Mmap(-1, 0, size, sys.PROT_READ, anonymous)
		if err != nil {
			return err
		}
		if err := sys.Munmap(b); err != sys.ENOMEM {
			t.Errorf("Munmap gives %v", err)
		}
		return sys.Munmap(b)
	})
	check(t, err)
}

// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// mapMemory gives opMemory bytes of nobody's.
func mapMemory() (unsafe.Pointer, error) {
	return sys.RawMmap(nil, opMemory, sys.PROT_READ|sys.PROT_WRITE, sys.MAP_PRIVATE|sys.MAP_ANONYMOUS, -1, 0)
}

func newOpWorld(t *testing.T, plain bool) *opWorld {
	t.Helper()
	w := &opWorld{plain: plain, path: t.TempDir()}
	for i := range w.fds {
		w.fds[i] = -1
	}
	var err error
	if w.dir, err = sys.Openat(sys.AT_FDCWD, w.path, sys.O_DIRECTORY|sys.O_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	if w.memory, err = mapMemory(); err == nil && !plain {
		w.ring, err = New(16)
	}
	if err != nil {
		t.Fatal(err)
	}
	opWorlds = append(opWorlds, w)
	return w
}

func (w *opWorld) end(t *testing.T) {
	for _, r := range []*Ring{w.other, w.ring} {
		if r == nil {
			continue
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, fd := range append(w.fds[:], w.dir) {
		if fd >= 0 {
			if err := sys.Close(fd); err != nil {
				t.Error(err)
			}
		}
	}
	for _, p := range []unsafe.Pointer{w.memory, w.queue} {
		if p == nil {
			continue
		}
		if err := sys.RawMunmap(p, opMemory); err != nil {
			t.Error(err)
		}
	}
	if w.child > 0 {
		// Usually it was waited for.
		sys.Wait4(w.child, nil, 0, nil)
	}
}

func (w *opWorld) newRing(flags SetupFlags) error {
	if err := w.ring.Close(); err != nil {
		return err
	}
	r, err := New(16, WithFlags(flags))
	w.ring = r
	return err
}

func (w *opWorld) file(s opStep) (err error) {
	if w.fds[s.a], err = sys.MemfdCreate("uring", sys.MFD_CLOEXEC); err != nil {
		return err
	}
	_, err = sys.Pwrite(w.fds[s.a], []byte(s.text), 0)
	return err
}

func (w *opWorld) pipe(s opStep) error {
	var p [2]int
	err := sys.Pipe2(p[:], sys.O_CLOEXEC)
	if err == nil {
		w.fds[s.a], w.fds[s.b] = p[0], p[1]
	}
	return err
}

func (w *opWorld) pair(s opStep) error {
	p, err := sys.Socketpair(sys.AF_UNIX, opTCP, 0)
	if err == nil {
		w.fds[s.a], w.fds[s.b] = p[0], p[1]
	}
	return err
}

func (w *opWorld) socket(fd *int) (err error) {
	*fd, err = sys.Socket(sys.AF_INET, opTCP, 0)
	return err
}

func (w *opWorld) listen(fd *int) error {
	if err := w.socket(fd); err != nil {
		return err
	}
	if err := sys.RawBind(*fd, sockaddr(w.anyPort()), sys.SizeofSockaddrInet4); err != nil {
		return err
	}
	if err := sys.Listen(*fd, 4); err != nil {
		return err
	}
	size := uint32(sys.SizeofSockaddrInet4)
	return sys.RawGetsockname(*fd, sockaddr(&w.addr), &size)
}

func (w *opWorld) call(fd *int) error {
	if err := w.socket(fd); err != nil {
		return err
	}
	return sys.RawConnect(*fd, sockaddr(&w.addr), sys.SizeofSockaddrInet4)
}

func (w *opWorld) tcp(s opStep) (err error) {
	var listener int
	if err := w.listen(&listener); err != nil {
		return err
	}
	defer sys.Close(listener)
	if err := w.call(&w.fds[s.a]); err != nil {
		return err
	}
	w.fds[s.b], err = sys.RawAccept4(listener, nil, nil, sys.SOCK_CLOEXEC)
	return err
}

func (w *opWorld) startChild(s opStep) error {
	p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", fmt.Sprintf("exit %d", s.n)}, &os.ProcAttr{})
	if err != nil {
		return err
	}
	w.child = p.Pid
	return p.Release()
}

func (w *opWorld) holds(s opStep) int {
	b := make([]byte, s.n)
	n, err := sys.Pread(w.fds[s.a], b, int64(s.b))
	if err == nil && string(b[:n]) == s.text {
		return 1
	}
	return result(0, err)
}

func (w *opWorld) size(s opStep) int {
	var st sys.Stat_t
	if err := sys.Fstat(w.fds[s.a], &st); err != nil {
		return result(0, err)
	}
	return int(st.Size)
}

func (w *opWorld) word() *uint32 { return (*uint32)(w.memory) }

func (w *opWorld) data(s opStep) int {
	if strings.HasPrefix(string(w.bufs[s.ud][:]), s.text) {
		return 1
	}
	return 0
}

func (w *opWorld) needs(s opStep) int {
	if w.supported(s.op) && w.features&Features(s.n) == Features(s.n) {
		return 0
	}
	return noTwin
}

// run does what the verb says.
func (w *opWorld) run(s opStep) int {
	switch s.verb {
	case "needs":
		return w.needs(s)
	case "file":
		return result(0, w.file(s))
	case "pipe":
		return result(0, w.pipe(s))
	case "pair":
		return result(0, w.pair(s))
	case "socket":
		return result(0, w.socket(&w.fds[s.a]))
	case "listen":
		return result(0, w.listen(&w.fds[s.a]))
	case "call":
		return result(0, w.call(&w.fds[s.a]))
	case "tcp":
		return result(0, w.tcp(s))
	case "epoll":
		fd, err := sys.EpollCreate1(sys.EPOLL_CLOEXEC)
		w.fds[s.a] = fd
		return result(0, err)
	case "child":
		return result(0, w.startChild(s))
	case "make":
		return result(0, os.WriteFile(w.path+"/"+s.text, []byte("text"), 0o600))
	case "there":
		return result(0, sys.Faccessat(w.dir, s.text, 0, 0))
	case "put":
		return result(sys.Write(w.fds[s.a], []byte(s.text)))
	case "hangup":
		fd := w.fds[s.a]
		w.fds[s.a] = -1
		return result(0, sys.Close(fd))
	case "holds":
		return w.holds(s)
	case "size":
		return w.size(s)
	case "fill":
		w.load(s)
		return 0
	case "data":
		return w.data(s)
	case "value":
		return w.value
	case "set":
		*w.word() = uint32(s.n)
		return 0
	case "word":
		return int(*w.word())
	case "do":
		return w.do(s, 0)
	case "async":
		return w.do(s, SQEAsync)
	}
	return w.runRing(s)
}

// registerBuffers registers those of the first n.
func (w *opWorld) registerBuffers(n int) error {
	bufs := make([][]byte, n)
	for i := range bufs {
		bufs[i] = w.bufs[i][:]
	}
	return w.ring.RegisterBuffers(bufs)
}

func (w *opWorld) makeOther(s opStep) (err error) {
	if w.other, err = New(4); err != nil {
		return err
	}
	if err := w.other.RegisterFiles([]int32{-1, -1, -1, -1}); err != nil {
		return err
	}
	w.fds[s.a], err = sys.FcntlInt(uintptr(w.other.FD()), sys.F_DUPFD_CLOEXEC, 0)
	return err
}

func (w *opWorld) told() int {
	if err := w.other.WaitTimeout(1, time.Minute); err != nil {
		return result(0, err)
	}
	var c [1]CQE
	w.other.Reap(c[:])
	return int(c[0].Res)
}

func (w *opWorld) registerZcrx() int {
	if z, err := QueryZeroCopy(); err != nil || z.Registers&sys.ZCRX_REG_NODEV == 0 {
		return noTwin
	}
	var err error
	if w.queue, err = mapMemory(); err != nil {
		return result(0, err)
	}
	d := &struct {
		area   sys.IoUringZcrxAreaReg
		region sys.IoUringRegionDesc
	}{
		sys.IoUringZcrxAreaReg{Addr: uint64(uintptr(w.memory)), Len: opMemory},
		sys.IoUringRegionDesc{UserAddr: uint64(uintptr(w.queue)), Size: opMemory, Flags: sys.IORING_MEM_REGION_TYPE_USER},
	}
	reg := sys.IoUringZcrxIfqReg{
		RqEntries: 16, Flags: sys.ZCRX_REG_NODEV,
		AreaPtr:   uint64(uintptr(unsafe.Pointer(&d.area))),
		RegionPtr: uint64(uintptr(unsafe.Pointer(&d.region))),
	}
	err = w.ring.RegisterZeroCopy(&reg)
	runtime.KeepAlive(d)
	w.zcrx = reg.ZcrxId
	if errors.Is(err, sys.EPERM) {
		return noTwin
	}
	return result(0, err)
}

func (w *opWorld) inArea(s opStep) int {
	place := w.request(s).extra &^ uint64(sys.IORING_ZCRX_AREA_MASK)
	if place <= opMemory-opBuffer && strings.HasPrefix(string(unsafe.Slice((*byte)(w.memory), opMemory)[place:]), s.text) {
		return 1
	}
	return 0
}

// runRing is [opWorld.run] for what plain calls cannot do, or need not.
func (w *opWorld) runRing(s opStep) int {
	switch {
	case w.plain && (s.verb == "bufs" || s.verb == "slots"):
		return 0
	case w.plain:
		return noTwin
	}
	switch s.verb {
	case "bufs":
		return result(0, w.registerBuffers(s.n))
	case "slots":
		return result(0, w.ring.RegisterFiles([]int32{-1, -1, -1, -1}[:s.n]))
	case "ring":
		return result(0, w.newRing(SetupFlags(s.a)))
	case "other":
		return result(0, w.makeOther(s))
	case "told":
		return w.told()
	case "zcrx":
		return w.registerZcrx()
	case "area":
		return w.inArea(s)
	case "slot":
		return w.do(s, SQEFixedFile)
	case "pick":
		return w.do(s, SQEBufferSelect)
	case "start":
		return w.submit(s, 0)
	case "serve":
		return w.submit(s, SQEBufferSelect)
	case "drain":
		return w.submit(s, SQEIODrain)
	case "link":
		return w.prepare(s, SQEIOLink)
	case "hard":
		return w.prepare(s, SQEIOHardlink)
	case "end":
		return w.reaped(s, false)
	case "more":
		return w.reaped(s, true)
	case "notif":
		return w.notif(s)
	case "none":
		return w.none()
	case "picked":
		return w.picked(s)
	}
	return never
}

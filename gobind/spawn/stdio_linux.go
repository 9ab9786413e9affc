// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"syscall"
	"time"

	"example.com/syshim/gobind/sys"
)

// plumbing is what a Cmd holds open beside its child.
type plumbing struct {
	// child is for the child: closed when it has started, or could not.
	child []*os.File
	// sink is the null device among them that takes outputs.
	sink *os.File
	// ours is closed by Wait, or when no child started.
	ours []*os.File
	// inputs and outputs move data between ours and readers and writers.
	inputs, outputs []func() error
	// results has room for all of their results.
	results chan result
	// failed is the first error among them.
	failed error
	// overflow ends who writes too much, and tooMuch is that error.
	overflow func()
	tooMuch  error
	// cut, unless it is nil, is closed when the copies are waited for no longer.
	cut <-chan struct{}
}

// A result is that of one copy.
type result struct {
	output bool
	err    error
}

// start lets the copies run.
func (p *plumbing) start() {
	if len(p.inputs)+len(p.outputs) == 0 {
		return
	}
	p.results = make(chan result, len(p.inputs)+len(p.outputs))
	for _, copy := range p.inputs {
		go func() { p.results <- result{false, copy()} }()
	}
	for _, copy := range p.outputs {
		go func() { p.results <- result{true, copy()} }()
	}
}

// wait waits for the copies: until ctx is done, or until the time, if there is
// one, or until they are cut, or one copies too much. copied says whether they came to their end; err is
// theirs, the cause of ctx, or ErrWaitDelay.
func (p *plumbing) wait(ctx context.Context, end time.Time) (copied bool, err error) {
	var late <-chan time.Time
	for p.tooMuch == nil && len(p.inputs)+len(p.outputs) > 0 {
		// A result that is there counts even when there is no time left.
		select {
		case r := <-p.results:
			p.take(r)
			continue
		default:
		}
		if late == nil && !end.IsZero() {
			timer := time.NewTimer(time.Until(end))
			defer timer.Stop()
			late = timer.C
		}
		select {
		case r := <-p.results:
			p.take(r)
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-p.cut:
			p.cutOff()
			return true, exec.ErrWaitDelay
		case <-late:
			p.cutOff()
			return true, exec.ErrWaitDelay
		}
	}
	if p.tooMuch != nil {
		p.cutOff()
		return true, p.tooMuch
	}
	return true, p.failed
}

// take notes the result of one copy.
func (p *plumbing) take(r result) {
	if r.output {
		p.outputs = p.outputs[1:]
	} else {
		p.inputs = p.inputs[1:]
	}
	if p.failed == nil {
		p.failed = r.err
	}
	if errors.As(r.err, new(*overflow)) {
		p.tooMuch = r.err
	}
}

// cutOff closes the pipes under the copies. Nobody writes to the caller's
// writers any more; a goroutine that reads from the caller's reader ends when
// that returns.
func (p *plumbing) cutOff() {
	p.closeOurs()
	for len(p.outputs) > 0 {
		p.take(<-p.results)
	}
}

func (p *plumbing) closeChild() {
	closeAll(p.child)
	p.child = nil
}

func (p *plumbing) closeOurs() {
	closeAll(p.ours)
	p.ours = nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// halfPipe is os.Pipe, of which the child gets one end: the one to read from, or
// to write to.
func halfPipe(reads bool) (child, ours *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	child, ours = w, r
	if reads {
		child, ours = r, w
	}
	if err := setBlocking(child); err != nil {
		r.Close()
		w.Close()
		return nil, nil, err
	}
	return child, ours, nil
}

// setBlocking is for a pipe of package os, which would not say that Fd fails to
// do so; the child would get EAGAIN.
func setBlocking(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { _, failed = sys.FcntlInt(fd, sys.F_SETFL, 0) })
	if err == nil {
		err = os.NewSyscallError("fcntl", failed)
	}
	return err
}

// wholePipe returns a pipe between two children.
func wholePipe() (from, to *os.File, err error) {
	var ends [2]int
	if err := sys.Pipe2(ends[:], sys.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	return os.NewFile(uintptr(ends[0]), "|0"), os.NewFile(uintptr(ends[1]), "|1"), nil
}

// toChild returns a pipe to the child.
func (p *plumbing) toChild() (child, ours *os.File, err error) {
	r, w, err := halfPipe(true)
	if err != nil {
		return nil, nil, err
	}
	p.child = append(p.child, r)
	p.ours = append(p.ours, w)
	return r, w, nil
}

// fromChild returns a pipe from the child.
func (p *plumbing) fromChild() (child, ours *os.File, err error) {
	w, r, err := halfPipe(false)
	if err != nil {
		return nil, nil, err
	}
	p.child = append(p.child, w)
	p.ours = append(p.ours, r)
	return w, r, nil
}

// null returns the null device for the child; the outputs share one. It stays out
// of the network poller, which takes five calls to refuse it.
func (p *plumbing) null(flag int) (*os.File, error) {
	if flag == os.O_WRONLY && p.sink != nil {
		return p.sink, nil
	}
	fd, err := sys.Open(os.DevNull, flag|sys.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	f := os.NewFile(uintptr(fd), os.DevNull)
	p.child = append(p.child, f)
	if flag == os.O_WRONLY {
		p.sink = f
	}
	return f, nil
}

// reader returns what the child reads r's bytes from.
func (p *plumbing) reader(r io.Reader) (*os.File, error) {
	if r == nil {
		return p.null(os.O_RDONLY)
	}
	if f, ok := r.(*os.File); ok {
		return f, nil
	}
	child, ours, err := p.toChild()
	if err != nil {
		return nil, err
	}
	p.inputs = append(p.inputs, func() error {
		_, err := io.Copy(ours, r)
		// A child need not read all that it is offered.
		if errors.Is(err, syscall.EPIPE) {
			err = nil
		}
		if e := ours.Close(); err == nil && !errors.Is(e, os.ErrClosed) {
			err = e
		}
		return err
	})
	return child, nil
}

// An overflow is the error of a program that writes too much.
type overflow struct {
	field string
	most  int64
}

func (e *overflow) Error() string {
	return fmt.Sprintf("spawn: %s: more than %d bytes: %v", e.field, e.most, sys.ENOBUFS)
}

func (e *overflow) Unwrap() error {
	return sys.ENOBUFS
}

// A sink is a writer of a Cmd, the field that has it, and its limit.
type sink struct {
	io.Writer
	field string
	most  int64
}

// copyFrom copies all that comes, unless it is too much.
func (s sink) copyFrom(r io.Reader) error {
	if s.most == 0 {
		_, err := io.Copy(s.Writer, r)
		return err
	}
	most := max(s.most, 0)
	n, err := io.Copy(s.Writer, io.LimitReader(r, most))
	if err != nil || n < most {
		return err
	}
	_, err = io.ReadFull(r, make([]byte, 1))
	switch err {
	case nil:
		return &overflow{s.field, most}
	case io.EOF:
		return nil
	}
	return err
}

// writer returns what the child writes to s with.
func (p *plumbing) writer(s sink) (*os.File, error) {
	f, isFile := s.Writer.(*os.File)
	switch {
	case s.most != 0 && (isFile || s.Writer == nil):
		return nil, mistake("Max%s without a writer", s.field)
	case s.Writer == nil:
		return p.null(os.O_WRONLY)
	case isFile:
		return f, nil
	}
	child, ours, err := p.fromChild()
	if err != nil {
		return nil, err
	}
	p.outputs = append(p.outputs, func() error {
		err := s.copyFrom(ours)
		if errors.As(err, new(*overflow)) {
			p.overflow()
		}
		// Nobody reads on: the child is told by EPIPE.
		ours.Close()
		return err
	})
	return child, nil
}

// same reports whether two writers are one, and so may share a pipe and the
// goroutine that writes.
func same(a, b io.Writer) bool {
	if a == nil || b == nil || !reflect.TypeOf(a).Comparable() {
		return false
	}
	defer func() {
		// An array or a struct may hold what cannot be compared.
		_ = recover()
	}()
	return a == b
}

// files returns the files of the child.
func (c *Cmd) files() ([]file, error) {
	files := make([]file, 3, 3+len(c.ExtraFiles)+len(c.Files))
	for i := range files {
		files[i].to = i
	}
	var err error
	if files[0].File, err = c.plumbing.reader(c.Stdin); err != nil {
		return nil, err
	}
	if files[1].File, err = c.plumbing.writer(sink{c.Stdout, "Stdout", c.MaxStdout}); err != nil {
		return nil, err
	}
	switch shared := same(c.Stderr, c.Stdout); {
	case shared && c.MaxStderr != 0:
		return nil, mistake("MaxStderr with one writer for all")
	case shared:
		files[2].File = files[1].File
	default:
		files[2].File, err = c.plumbing.writer(sink{c.Stderr, "Stderr", c.MaxStderr})
		if err != nil {
			return nil, err
		}
	}
	// What is not mentioned is closed.
	for i, f := range c.ExtraFiles {
		if f != nil {
			files = append(files, file{f, 3 + i})
		}
	}
	for fd, f := range c.Files {
		taken := func(f file) bool { return f.to == fd }
		if fd < 0 || slices.ContainsFunc(files, taken) {
			return nil, mistake("Files has descriptor %d, which is taken or negative", fd)
		}
		if f != nil {
			files = append(files, file{f, fd})
		}
	}
	return files, nil
}

// StdinPipe returns what writes to the child's standard input. Wait closes it;
// close it earlier to let the child read to the end.
func (c *Cmd) StdinPipe() (io.WriteCloser, error) {
	if err := c.unset("Stdin", c.Stdin != nil); err != nil {
		return nil, err
	}
	child, ours, err := c.plumbing.toChild()
	if err != nil {
		return nil, err
	}
	c.Stdin = child
	return ours, nil
}

// StdoutPipe returns what reads from the child's standard output. Wait closes
// it: read to the end before.
func (c *Cmd) StdoutPipe() (io.ReadCloser, error) {
	if err := c.unset("Stdout", c.Stdout != nil); err != nil {
		return nil, err
	}
	child, ours, err := c.plumbing.fromChild()
	if err != nil {
		return nil, err
	}
	c.Stdout = child
	return ours, nil
}

// StderrPipe returns what reads from the child's standard error. Wait closes
// it: read to the end before.
func (c *Cmd) StderrPipe() (io.ReadCloser, error) {
	if err := c.unset("Stderr", c.Stderr != nil); err != nil {
		return nil, err
	}
	child, ours, err := c.plumbing.fromChild()
	if err != nil {
		return nil, err
	}
	c.Stderr = child
	return ours, nil
}

// unset checks that a pipe may take the place of a field.
func (c *Cmd) unset(field string, set bool) error {
	if set {
		return errors.New("spawn: " + field + " is set")
	}
	if c.started {
		return errors.New("spawn: a pipe for " + field + " after Start")
	}
	return nil
}

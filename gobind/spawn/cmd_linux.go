// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/syshim/gobind/sys"
)

// A Cmd is a program to start, or one that was started. Its fields and methods
// are those of [exec.Cmd], and mean the same; others come after them. It is used
// once.
type Cmd struct {
	// Path is the program; a relative one begins at Dir.
	Path string
	// Args is the program's arguments, from its own name on; empty: Path.
	Args []string
	// Env is the program's environment; nil: that of this program. Of two
	// values of one variable the last counts. When Dir is set and Env is nil,
	// PWD is set to Dir.
	Env []string
	// Dir is the program's working directory; empty: that of this program.
	Dir string

	// Stdin, Stdout and Stderr are the program's standard descriptors; nil:
	// the null device. An *os.File is given to the program as it is (and made
	// blocking, by its Fd method), another reader or writer gets a pipe and a
	// goroutine, for which Wait waits. When Stdout and Stderr are one writer, one
	// goroutine at a time writes to it.
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// MaxStdout and MaxStderr, unless they are zero, are how many bytes Stdout
	// and Stderr get at most; negative: none. The first byte more is an error of
	// Wait that wraps [syscall.ENOBUFS], and the program is killed, with the
	// process group that was made for it. Only what goes through a pipe and a
	// goroutine is counted: a limit for anything else is a mistake. When both are
	// one writer, MaxStdout is for all that comes.
	MaxStdout int64
	MaxStderr int64
	// ExtraFiles become the descriptors 3, 4 and so on; nil: closed.
	ExtraFiles []*os.File
	// SysProcAttr means what it means to os/exec. Cloneflags are namespaces;
	// after Chroot the directory is "/", unless Dir is set; for Pdeathsig see
	// [Attr].
	SysProcAttr *syscall.SysProcAttr

	// Process is the child, once Start has returned nil.
	Process *os.Process
	// ProcessState is how the child ended, once Wait has learned it.
	ProcessState *os.ProcessState
	// Err is why [Command] has not found the program; Start returns it. Who
	// wants a program that was found by a relative directory of PATH resets
	// an Err that is [ErrDot].
	Err error
	// Cancel is called when the context of [CommandContext], which sets it to
	// kill the child, is done before the child has ended; nil: nothing is done
	// before WaitDelay is over.
	Cancel func() error
	// WaitDelay, unless it is zero, is how long Wait waits after the context
	// was done, or after the child has ended, whichever was first. Then the
	// child is killed, and the pipes, which a descendant may hold open, are
	// closed: that is [ErrWaitDelay] when nothing else has failed. Below zero it
	// is over at once.
	WaitDelay time.Duration

	// Files become the descriptors that are their keys; nil: closed. Numbers in
	// a cycle need a free one above all. Every
	// descriptor that is not mentioned here or above is closed.
	Files map[int]*os.File
	// Program, unless it is nil, is an open program (a memfd, say) that is
	// executed in the place of Path, which may be empty then. A script wants a
	// path.
	Program *os.File
	// DirFile is a directory to work in, from which a relative Dir begins.
	DirFile *os.File
	// Attr is what SysProcAttr does not have, or has in part.
	Attr *Attr
	// Mask and Retries are those of [Options].
	Mask    *uint64
	Retries int

	ctx      context.Context
	watch    *watch
	pidfd    *os.File
	ending   chan ending
	seen     chan error
	group    *processGroup
	plumbing plumbing
	// started: Start was called. ended: the child has ended; cancelled is what
	// the context has done about that, and late when Wait waits no longer.
	started   bool
	ended     bool
	cancelled error
	late      time.Time
	// reaped: its status was taken; failed is what that means. copied: so have
	// the copies ended; copyErr is what that means.
	reaped  bool
	failed  error
	copied  bool
	copyErr error
	// lost: the kernel has thrown the status away.
	lost   bool
	waited bool
}

// Command returns the Cmd to start the program name with the arguments. A name
// without a slash is resolved by [LookPath].
func Command(name string, arg ...string) *Cmd {
	c := &Cmd{Path: name, Args: append([]string{name}, arg...)}
	if filepath.Base(name) == name {
		path, err := LookPath(name)
		if path != "" {
			c.Path = path
		}
		c.Err = err
	}
	return c
}

// CommandContext is [Command] for a program that is cancelled when ctx is done.
func CommandContext(ctx context.Context, name string, arg ...string) *Cmd {
	if ctx == nil {
		panic("spawn: nil Context")
	}
	c := Command(name, arg...)
	c.ctx = ctx
	c.Cancel = func() error { return c.Process.Kill() }
	return c
}

// String returns the program and its arguments, for people.
func (c *Cmd) String() string {
	if len(c.Args) == 0 {
		return c.Path
	}
	name := c.Path
	if c.Err != nil {
		name = c.Args[0]
	}
	return strings.Join(append([]string{name}, c.Args[1:]...), " ")
}

// Environ returns the environment that the program gets.
func (c *Cmd) Environ() []string {
	return (&exec.Cmd{Env: c.Env, Dir: c.Dir}).Environ()
}

// Start starts the program and returns when it runs, or cannot: then the error
// names what failed, as a [*StepError] if that is the child or an option. After a
// nil error Wait must be called.
func (c *Cmd) Start() error {
	if err := c.begin(nil); err != nil {
		return err
	}
	c.attend(c.killAll)
	if c.ctx != nil {
		c.watch = startWatch(c.ctx, c.Cancel, c.WaitDelay, func() { c.Kill() })
	}
	return nil
}

// begin starts the program. edit, unless it is nil, changes its options. Nothing
// is copied yet, and nobody looks at the context.
func (c *Cmd) begin(edit func(*Options)) (err error) {
	if c.started {
		return errStarted
	}
	c.started = true
	defer func() {
		c.plumbing.closeChild()
		if err != nil {
			c.plumbing.closeOurs()
		}
	}()
	if err := c.check(); err != nil {
		return err
	}
	files, err := c.files()
	if err != nil {
		return err
	}
	o, err := c.options(files)
	if err != nil {
		return err
	}
	if edit != nil {
		edit(o)
	}
	child, err := c.start(o)
	runtime.KeepAlive(files)
	runtime.KeepAlive(c.DirFile)
	runtime.KeepAlive(c.Program)
	if err != nil {
		return err
	}
	if o.ownsGroup() {
		c.group = &processGroup{pid: child.pid, pidfd: -1}
	}
	return c.adopt(child)
}

// check returns what is wrong before anything is done.
func (c *Cmd) check() error {
	switch {
	case c.Err != nil:
		return c.Err
	case c.Path == "" && c.Program == nil:
		return errors.New("spawn: no command")
	case c.Cancel != nil && c.ctx == nil:
		return errors.New("spawn: Cancel without CommandContext")
	case c.ctx != nil && c.ctx.Err() != nil:
		return c.ctx.Err()
	}
	// Environ leaves out what has a NUL byte.
	return checkEnv(c.Env)
}

// A file is one that the program gets as the descriptor to; nil: none.
type file struct {
	*os.File
	to int
}

// options returns what is started.
func (c *Cmd) options(files []file) (*Options, error) {
	o := &Options{
		Path:    c.Path,
		Args:    c.Args,
		Env:     c.Environ(),
		Dir:     c.Dir,
		Mask:    c.Mask,
		Retries: c.Retries,
	}
	if len(o.Args) == 0 {
		o.Args = []string{c.Path}
	}
	if err := c.setAttr(o); err != nil {
		return nil, err
	}
	if c.Program != nil {
		o.Path, o.UseExecFD, o.ExecFD = "", true, int(c.Program.Fd())
		if o.ExecFD < 0 {
			return nil, errClosed("Program")
		}
	}
	if c.DirFile != nil {
		o.Fchdir, o.DirFD = true, int(c.DirFile.Fd())
		if o.DirFD < 0 {
			return nil, errClosed("DirFile")
		}
	}
	o.FDs = make([]FD, len(files))
	for i, f := range files {
		o.FDs[i] = FD{-1, f.to}
		if f.File == nil {
			continue
		}
		if o.FDs[i].From = int(f.Fd()); o.FDs[i].From < 0 {
			return nil, errClosed("descriptor " + strconv.Itoa(f.to))
		}
	}
	return o, nil
}

// errClosed is that of a file which the program cannot get.
func errClosed(what string) error {
	return &StepError{Step: "options", Arg: what, Err: os.ErrClosed}
}

// setAttr takes over Attr and SysProcAttr.
func (c *Cmd) setAttr(o *Options) error {
	if c.Attr != nil {
		o.Attr = *c.Attr
	}
	if c.SysProcAttr == nil {
		return nil
	}
	return o.setSysProcAttr(c.SysProcAttr)
}

// start starts the program; with a pidfd if SysProcAttr asks for one, which is
// -1 where the kernel has none.
func (c *Cmd) start(o *Options) (child, error) {
	o.NoPidfd = c.SysProcAttr == nil || c.SysProcAttr.PidFD == nil
	pid, pidfd, err := Start(o)
	if !o.NoPidfd {
		*c.SysProcAttr.PidFD = pidfd
	}
	return child{pid, pidfd}, err
}

// adopt takes the child that runs.
func (c *Cmd) adopt(ch child) error {
	// A pidfd for Process costs as much as an eighth of a start. Only when the
	// kernel reaps children itself may the number be another process's before
	// Process has waited for it.
	c.Process = &os.Process{Pid: ch.pid}
	reaps := reapsChildren()
	if reaps || ch.pidfd >= 0 {
		p, err := os.FindProcess(ch.pid)
		if err != nil {
			c.group.release()
			return ch.abandon(nil, err)
		}
		if reaps && c.group != nil {
			c.group.hold()
		}
		// They are the child's if that is there now.
		if c.lost = ch.gone(); c.lost {
			p.Release()
			c.group.release()
		}
		c.Process = p
	}
	return nil
}

// attend begins to copy; overflow ends who writes too much.
func (c *Cmd) attend(overflow func()) {
	c.plumbing.overflow = overflow
	c.plumbing.start()
}

// Kill ends the child with SIGKILL. [os.ErrProcessDone] says that it had ended.
func (c *Cmd) Kill() error {
	return c.Signal(sys.SIGKILL)
}

// Signal sends a signal to the child. [os.ErrProcessDone] says that it has
// ended.
func (c *Cmd) Signal(sig os.Signal) error {
	if c.Process == nil {
		return errNotStarted
	}
	return c.Process.Signal(sig)
}

// finish kills the child. A nil error says that it ends, or has ended: who may
// not kill it is not told so.
func (c *Cmd) finish() error {
	err := c.Kill()
	if err == nil || err == os.ErrProcessDone || c.lost {
		return nil
	}
	if ended, e := (child{c.Process.Pid, -1}).ended(); ended || e == sys.ECHILD {
		return nil
	}
	return os.NewSyscallError("kill", err)
}

// killAll ends the child, with the group that was made for it.
func (c *Cmd) killAll() {
	c.signalAll(sys.SIGKILL)
}

// signalAll signals the group that was made for the child, or the child. SIGKILL
// is for both, for the child may have left the group.
func (c *Cmd) signalAll(sig os.Signal) error {
	group := os.ErrProcessDone
	if c.group != nil {
		group = c.SignalGroup(sig)
	}
	if group == nil && sig != sys.SIGKILL {
		return nil
	}
	alone := c.Signal(sig)
	// A group is reached when one of it is.
	if group == nil && alone == os.ErrProcessDone {
		return nil
	}
	return alone
}

var (
	errNotStarted = errors.New("spawn: not started")
	errStarted    = errors.New("spawn: already started")
	errWaited     = errors.New("spawn: Wait was called before")
)

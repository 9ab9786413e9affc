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
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/syshim/gobind/sys"
)

// A Cmd is a program to start, or one that was started. Its fields and methods
// are those of [exec.Cmd] as far as they go. It is used once.
type Cmd struct {
	// Path is the program. Without a slash it is looked for in the
	// directories of this program's PATH, by the child.
	Path string
	// Args is the program's arguments, from its own name on; empty: Path.
	Args []string
	// Env is the program's environment; nil: that of this program. Of two
	// values of one variable the last counts. When Dir is set and Env is nil,
	// PWD is set to Dir.
	Env []string
	// Dir is the program's working directory; empty: that of this program. A
	// relative Path is relative to it.
	Dir string

	// Stdin, Stdout and Stderr are the program's standard descriptors; nil:
	// the null device. An *os.File is given to the program as it is (and made
	// blocking, by its Fd method), another reader or writer gets a pipe and a
	// goroutine, for which Wait waits. When Stdout and Stderr are one writer, one
	// goroutine at a time writes to it.
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// ExtraFiles become the descriptors 3, 4 and so on; nil: closed.
	ExtraFiles []*os.File
	// Files become the descriptors that are their keys; nil: closed. Every
	// descriptor that is not mentioned here or above is closed.
	Files map[int]*os.File

	// DirFile is a directory to work in, from which a relative Dir begins.
	DirFile *os.File
	// SysProcAttr is for Setsid, Setpgid and Pgid, which mean what they mean to
	// os/exec. Start refuses whatever else is set in it.
	SysProcAttr *syscall.SysProcAttr
	// Mask and Retries are those of [Options].
	Mask    *uint64
	Retries int

	// Cancel is called when the context of [CommandContext] is done before
	// the child has ended; nil: Kill.
	Cancel func() error
	// WaitDelay bounds how long Wait waits for the goroutines of Stdin, Stdout
	// and Stderr after the child has ended, and for the child itself after
	// Cancel: a descendant of the child may hold a pipe open. Wait then closes
	// the pipes and returns [exec.ErrWaitDelay]. Zero: for ever.
	WaitDelay time.Duration

	// Process is the child, once Start has returned nil.
	Process *os.Process
	// ProcessState is how the child ended, once Wait has learned it.
	ProcessState *os.ProcessState

	ctx       context.Context
	pid       int
	pidfd     *os.File
	watch     *watch
	cancelled error
	ending    chan ending
	plumbing  plumbing
	waited    bool
}

// Command returns the Cmd to start the program name with the arguments.
func Command(name string, arg ...string) *Cmd {
	return &Cmd{Path: name, Args: append([]string{name}, arg...)}
}

// CommandContext is [Command] for a program that is cancelled when ctx is done,
// as by [exec.CommandContext].
func CommandContext(ctx context.Context, name string, arg ...string) *Cmd {
	if ctx == nil {
		panic("spawn: nil Context")
	}
	c := Command(name, arg...)
	c.ctx = ctx
	return c
}

// String returns the program and its arguments, for people.
func (c *Cmd) String() string {
	if len(c.Args) == 0 {
		return c.Path
	}
	return strings.Join(append([]string{c.Path}, c.Args[1:]...), " ")
}

// Environ returns the environment that the program gets.
func (c *Cmd) Environ() []string {
	return (&exec.Cmd{Env: c.Env, Dir: c.Dir}).Environ()
}

// Start starts the program and returns when it runs, or cannot: then the error
// is an [*Error] that names the step that failed. After a nil error Wait must
// be called.
func (c *Cmd) Start() (err error) {
	if c.Process != nil || c.waited {
		return errors.New("spawn: already started")
	}
	defer func() {
		c.plumbing.closeChild()
		if err != nil {
			c.waited = true
			c.plumbing.closeOurs()
		}
	}()
	if c.ctx != nil && c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	files, err := c.files()
	if err != nil {
		return err
	}
	o, err := c.options(files)
	if err != nil {
		return err
	}
	pid, pidfd, err := Start(o)
	runtime.KeepAlive(files)
	runtime.KeepAlive(c.DirFile)
	if err != nil {
		return err
	}
	return c.adopt(child{pid, pidfd})
}

// options returns what Start is given.
func (c *Cmd) options(files map[int]*os.File) (*Options, error) {
	o := &Options{
		Path:    c.Path,
		Args:    c.Args,
		Dir:     c.Dir,
		Mask:    c.Mask,
		Retries: c.Retries,
	}
	if len(o.Args) == 0 {
		o.Args = []string{c.Path}
	}
	if err := c.setSearch(o); err != nil {
		return nil, err
	}
	if err := c.setAttr(o); err != nil {
		return nil, err
	}
	// Environ leaves out what has a NUL byte.
	if err := (&Options{Env: c.Env}).check(); err != nil {
		return nil, err
	}
	o.Env = c.Environ()
	if c.DirFile != nil {
		o.Fchdir, o.DirFD = true, int(c.DirFile.Fd())
	}
	o.FDs = make([]FD, 0, len(files))
	for to, f := range files {
		from := int(f.Fd())
		if from < 0 {
			return nil, &Error{Step: "options", Arg: "descriptor " + strconv.Itoa(to), Err: os.ErrClosed}
		}
		o.FDs = append(o.FDs, FD{from, to})
	}
	return o, nil
}

// setSearch lets a name without a slash be looked for. The relative directories
// of PATH are left out: os/exec refuses programs that are found there.
func (c *Cmd) setSearch(o *Options) error {
	if strings.Contains(c.Path, "/") {
		return nil
	}
	var dirs []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 || c.Path == "" {
		return &Error{Step: "execve", Arg: c.Path, Err: sys.ENOENT, searched: true}
	}
	o.Search = strings.Join(dirs, ":")
	return nil
}

// setAttr takes over what SysProcAttr has, and refuses what Options have not.
func (c *Cmd) setAttr(o *Options) error {
	if c.SysProcAttr == nil {
		return nil
	}
	rest := *c.SysProcAttr
	o.Setsid, o.Setpgid, o.Pgid = rest.Setsid, rest.Setpgid, rest.Pgid
	rest.Setsid, rest.Setpgid, rest.Pgid = false, false, 0
	v := reflect.ValueOf(rest)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			return &Error{Step: "options", Arg: "SysProcAttr." + v.Type().Field(i).Name, Err: errors.ErrUnsupported}
		}
	}
	return nil
}

// adopt takes the child that runs.
func (c *Cmd) adopt(ch child) error {
	p, err := os.FindProcess(ch.pid)
	if err != nil {
		return ch.abandon(err)
	}
	if ch.pidfd >= 0 {
		// os.NewFile puts a nonblocking descriptor in the network poller.
		if err := setNonblock(ch.pidfd); err != nil {
			p.Release()
			return ch.abandon(err)
		}
	}
	// When SIGCHLD is ignored the kernel reaps the child, and the number may
	// be another process's by now. It is the child's if the child is there.
	if ch.gone() {
		p.Release()
	}
	c.Process = p
	c.pid = ch.pid
	if ch.pidfd >= 0 {
		c.pidfd = os.NewFile(uintptr(ch.pidfd), "pidfd")
	}
	c.plumbing.start()
	if c.ctx != nil {
		c.watch = c.startWatch()
	}
	return nil
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

var errNotStarted = errors.New("spawn: not started")

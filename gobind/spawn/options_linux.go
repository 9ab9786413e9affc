// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import "strings"

// An FD is a descriptor of the new program: From, of this program, becomes To.
// A From of -1 means that To is closed.
type FD struct {
	From, To int
}

// Options are what [Start] starts, and how. All zero but Path: the program at
// that path, whose only argument is the path, without an environment, in this
// program's directory, with the signal mask of the thread, and with the
// descriptors 0 to 2 as they are and no others.
//
// [Attr] says in which order what is asked for is done: a relative path, or
// directory of Search, begins at the new directory.
type Options struct {
	Path string
	// Search is directories with ':' between them, as in PATH; one that is
	// empty is the working directory. A Path without '/' is looked for in each.
	// Empty: Path is taken as it is.
	Search string
	// Args are the arguments, from the program's name on; none: the path alone.
	Args []string
	Env  []string
	// Dir is the working directory; empty: that of this program.
	Dir string
	// Fchdir makes that of the descriptor DirFD the working directory, from
	// which a relative Dir then begins.
	Fchdir bool
	DirFD  int
	// FDs are in any order, swapped or not, which needs a free number above
	// all; each To stands once.
	FDs []FD
	// KeepFDs closes only the descriptors that are close-on-exec.
	KeepFDs bool
	// Setpgid makes Pgid the process group; 0: one of its own.
	Setpgid bool
	Pgid    int
	// Setsid begins a session.
	Setsid bool
	// Mask is the signals to block, as bits from signal 1 on; nil: those that
	// the thread blocks.
	Mask *uint64
	// Retries is how often, up to 255, a program that is open for writing
	// (ETXTBSY) is tried again, after a millisecond each.
	Retries int
	// UseExecFD makes the program that of the descriptor ExecFD, and Path
	// empty: a memfd, say. It is closed by exec; a script, whose interpreter
	// reads it, wants a path.
	UseExecFD bool
	ExecFD    int
	// NoPidfd: the child is known by its number alone. A pidfd costs about a
	// tenth of the start of a small program.
	NoPidfd bool
	Attr
}

const (
	retriesMax = 255
	fdsMax     = 1 << 20
)

// searches reports whether Path is looked for.
func (o *Options) searches() bool {
	return o.Search != "" && o.Path != "" && !strings.Contains(o.Path, "/")
}

// check returns what is wrong.
func (o *Options) check() error {
	switch {
	case o.UseExecFD && (o.ExecFD < 0 || o.Path != "" || o.Search != "" || len(o.Args) == 0):
		return mistake("ExecFD wants Args, and neither Path nor Search")
	case o.Setpgid && o.Pgid < 0:
		return mistake("process group %d", o.Pgid)
	case o.Retries < 0 || o.Retries > retriesMax:
		return mistake("%d retries", o.Retries)
	case len(o.FDs) > fdsMax:
		return mistake("%d descriptors", len(o.FDs))
	case hasNUL(o.Path):
		return mistake("a NUL byte in the path %q", o.Path)
	case hasNUL(o.Search):
		return mistake("a NUL byte in the search %q", o.Search)
	case hasNUL(o.Dir):
		return mistake("a NUL byte in the directory %q", o.Dir)
	}
	if err := o.Attr.check(o); err != nil {
		return err
	}
	for _, s := range o.Args {
		if hasNUL(s) {
			return mistake("a NUL byte in the argument %q", s)
		}
	}
	return checkEnv(o.Env)
}

func checkEnv(env []string) error {
	for _, s := range env {
		if hasNUL(s) {
			name, _, _ := strings.Cut(s, "=")
			return mistake("a NUL byte in the environment's %q", name)
		}
	}
	return nil
}

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
// that path, with neither arguments nor environment, in this program's
// directory, with the signal mask of the thread, and with the descriptors 0 to
// 2 as they are and no others.
//
// The order is: session and group, directory, descriptors, signal mask, exec.
// So a relative path, or directory of Search, begins at the new directory.
type Options struct {
	Path string
	// Search is directories with ':' between them, as in PATH; one that is
	// empty is the working directory. A Path without '/' is looked for in each.
	// Empty: Path is taken as it is.
	Search string
	Args   []string
	Env    []string
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

// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"slices"

	"example.com/syshim/gobind/sys"
)

// startCopy is start where processes do not share memory: the child gets a copy,
// as after fork, except for a mapping with the steps and the child's last word.
// The kernel does not say when a process leaves memory of its own, so the child
// holds a pipe that exec closes.
func (l *plan) startCopy(edit func(*program), s sharing) (child, error) {
	var pipe [2]int
	if err := sys.Pipe2(pipe[:], sys.O_CLOEXEC); err != nil {
		return noChild, &StepError{Step: "pipe2", Err: err}
	}
	defer func() {
		sys.Close(pipe[0])
		if pipe[1] >= 0 {
			sys.Close(pipe[1])
		}
	}()
	for i := range pipe {
		if err := l.dodge(&pipe[i]); err != nil {
			return noChild, &StepError{Step: "fcntl", Err: err}
		}
	}
	l.spared = pipe[1]
	return l.runIn(newSharedArena, edit, func(p *program, launch *launch) (child, error) {
		c, err := l.launch(p, launch, s)
		if err != nil {
			return c, err
		}
		sys.Close(pipe[1])
		pipe[1] = -1
		if err := l.attend(p, c); err != nil {
			return noChild, l.dismiss(p, c, err)
		}
		if err := waitForEnd(pipe[0]); err != nil {
			return noChild, c.abandon(nil, &StepError{Step: "read", Err: err})
		}
		return c, nil
	})
}

// dodge moves the descriptor to a number that the program has nothing to do with:
// one that is asked for, and closed, must not be this one.
func (l *plan) dodge(fd *int) error {
	for *fd < 3 || l.mentions(*fd) {
		n, err := sys.FcntlInt(uintptr(*fd), sys.F_DUPFD_CLOEXEC, *fd+1)
		if err != nil {
			return err
		}
		sys.Close(*fd)
		*fd = n
	}
	return nil
}

func (l *plan) mentions(fd int) bool {
	return l.Fchdir && l.DirFD == fd || l.UseExecFD && l.ExecFD == fd ||
		l.UseCgroupFD && l.CgroupFD == fd || l.UseLandlockFD && l.LandlockFD == fd ||
		l.Foreground && l.ForegroundFD == fd ||
		slices.ContainsFunc(l.FDs, func(m FD) bool { return m.From == fd || m.To == fd })
}

// waitForEnd waits until nobody has the other end of the pipe.
func waitForEnd(fd int) error {
	for {
		_, err := sys.Read(fd, make([]byte, 1))
		if err != sys.EINTR {
			return err
		}
	}
}

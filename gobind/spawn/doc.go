// SPDX-License-Identifier: MIT

// Package spawn starts programs on Linux, without cgo, for amd64 and arm64. It
// takes the place of os/exec: [Cmd] has its fields and methods, and they mean the
// same; processes, states and errors are those of packages os and os/exec. Beyond
// that it
//
//   - names what failed: [StepError] says "chdir /root: permission denied" where
//     os/exec says "fork/exec /bin/ls: permission denied";
//   - gives a program the descriptors that it is meant to have, in any order
//     ([Cmd.Files]), and closes all others, also those that another library has
//     left open;
//   - waits with a timeout or a context, and may wait again
//     ([Cmd.WaitTimeout], [Cmd.WaitContext]), without a thread for each child;
//   - signals a program with all that it has started ([Cmd.KillGroup]), and kills
//     one that writes too much ([Cmd.MaxStdout]);
//   - runs programs in a row, of which each reads what the one before it writes
//     ([Pipeline]);
//   - holds up nobody: a program that is slow to start (on a network file
//     system, say) delays neither the garbage collector nor other goroutines.
//
// [Cmd] is the comfortable form; [Start] and [Options] are that of the C library,
// in descriptors.
//
// # Coming from os/exec
//
// Change the import, and exec to spawn. What is different:
//
//   - What the kernel refuses to the child is a [*StepError], of which errors.As
//     makes the [*io/fs.PathError] of package os.
//   - A file that was closed is an error, where os/exec starts the program
//     without a descriptor.
//   - A child with Pdeathsig is started from another thread, which lasts; it has
//     nothing that a caller's locked thread alone has, such as a network
//     namespace. Set [Attr.CallersThread] for that.
//   - Errors of Start are for errors.Is: [os.IsNotExist] and its kin, which do not
//     unwrap, are false.
//   - Without SysProcAttr.PidFD, Process has no handle ([os.Process.WithHandle]),
//     which costs as much as an eighth of a start.
//   - After WaitDelay, Wait does not wait for the Read of a Stdin that is no
//     file; that goes on.
//
// # How it works
//
// Options become a program of steps, each one system call and what to do about
// its result. A child that shares this program's memory, but not its threads,
// runs the steps from assembly, on memory that the garbage collector does not
// know, and with all signals blocked until the last step before execve. No code
// of Go runs in it. Start waits in the kernel until the child runs its program,
// or has noted which step failed and is gone.
//
// The steps come in this order: session, process group, descriptors, limit of
// descriptors, directory, signal mask, program; [Attr] has all of them.
//
// # What the program gets
//
// Signals that this program handles have their default effect; ignored ones stay
// ignored. The mask is that of the thread, in which Go blocks nothing, unless
// [Cmd.Mask] is set.
//
// The limit of descriptors (RLIMIT_NOFILE) is the one that this program was
// started with: package syscall raises the soft limit for this program alone.
// One that was set with syscall.Setrlimit, or another call, is inherited. The
// limit of the start is read before package syscall is initialised, which needs
// an import path of this package that sorts before "syscall"; sysvendor refuses
// others.
//
// The name of [Options] without a slash is looked for in [Options.Search] by the
// child, as execvp does: ENOENT, ENOTDIR and EACCES lead to the next directory,
// and other errors end the search.
//
// # Descriptors
//
// Whatever this package opens is close-on-exec from the beginning, so programs
// that os/exec starts at the same time inherit nothing of it, and the programs
// of this package inherit only what they are given. [Options.KeepFDs] changes
// that, and takes [syscall.ForkLock] as os/exec does.
//
// Between its start and execve a child has copies of all descriptors. That can
// delay the end of a file on a pipe, and make the start of a program that was
// just written fail with ETXTBSY, when another goroutine starts something
// meanwhile; [Cmd.Retries] is for the latter.
//
// # Other libraries
//
// With cgo, C may start programs at the same time. If it waits for any child, as
// waitpid(-1) does, it takes the status of these, too: then Wait gives ECHILD.
// While system(3) runs in a thread of C this program ignores SIGINT and SIGQUIT,
// and so does a program that is started meanwhile, unless they are in
// [Attr.Defaults].
//
// # Groups and pipelines
//
// What a program starts goes on when only the program is killed, and keeps Wait
// waiting while it holds a pipe. A program with Setpgid or Setsid in
// [Cmd.SysProcAttr] can be signalled as a whole, as long as nobody has left the
// group: with c.Cancel = c.KillGroup a context ends all of it.
//
// The programs of a [Pipeline] are started all, or none stays; they are waited for
// from the last to the first, and killed together: when the context of
// [NewPipelineContext] is done, and when one of them writes more than its
// MaxStdout or MaxStderr. Then nothing keeps Wait, whoever has the pipes. With
// [Pipeline.OneGroup] their descendants end, too.
//
// Only a program that has become another user may be out of reach: the kill gives
// EPERM. A start that fails closes its pipes, tells so and leaves it, for package
// spawn to take its status one day; Wait waits for it, as that of os/exec does,
// and [Pipeline.WaitTimeout] gives up.
//
// # Pipes
//
// [Pipe] is [os.Pipe] with a size and with packets; a [Flow] moves bytes from one
// file to another, or to two, in the kernel where that is possible, and knows
// how far it came.
//
// # What a program may become
//
// [Cmd.SysProcAttr] means what it means to os/exec, with every field that Linux
// has. [Attr], in [Cmd.Attr] and [Options], goes further: namespaces with maps
// of users, a root directory of its own and what is mounted there, a cgroup,
// limits, capabilities, Landlock, a seccomp filter. All of it is done between
// the start of the child and its program, by system calls alone, in the order
// that Attr tells; an error names the step: "spawn: rlimit NOFILE: operation not
// permitted".
//
// # Debuggers
//
// A debugger may be there from the beginning, or come and leave at any moment.
// It sees a fork for each start, also for one that fails, and an exec of each
// program that begins; before that the child makes the calls of its steps, on
// this program's memory. One that removes its breakpoints from a child it does
// not follow, as gdb does after a fork, removes them from this program, too:
// hardware breakpoints stay, and all do with [Attr.Copy].
//
// # Kernels
//
// A kernel or a sandbox may lack calls: each start finds out, and does without.
// Without clone3 it is clone, and the child gives each signal that this program
// does not ignore its default action itself. Without close_range the child waits
// while this program lists /proc/PID/fd; when that cannot be read the error is
// close_range's. Without pidfds the child is known by its number, and each that
// is waited for takes a thread, which is else so only for [Cmd.Wait]. Where
// processes cannot share memory (qemu-user) the child gets a copy, and the
// limits of os/exec return: the larger this program, the longer a start.
//
// A child that waits, for its maps or without close_range, takes three more
// descriptors meanwhile, two where there are no pidfds, and does not outlive this
// program when that is killed. Only without pidfds, when two children wait at the
// same moment, may they do so.
//
// On Linux 5.10 a signal that dumps core, sent to the child's number before it
// runs its program, ends this program, too. So does a filter (Attr.Filter) that
// kills for the calls behind it, as one made for another CPU; not with Attr.Copy.
package spawn

// SPDX-License-Identifier: MIT

// Package gorows holds the benchmark's Go rows that need no cgo.
package gorows

import (
	"io"

	"example.com/syshim/bench/internal/row"
	"example.com/syshim/gobind/aio"
)

// Serve makes the program a co-process with these rows until in ends.
func Serve(in io.Reader, out io.Writer) error {
	return row.Serve(Rows, in, out)
}

// Rows is the registry: each row stands here once.
var Rows = append(spawnRows(), []row.Row{
	{Name: "BenchmarkGetppid/lang=go/impl=sys", Run: getppidSys},
	{Name: "BenchmarkGetppid/lang=go/impl=xsys", Run: getppidXsys},
	{Name: "BenchmarkGetppid/lang=go/impl=syscall", Run: getppidSyscall},
	{Name: "BenchmarkClockGettime/lang=go/impl=sys", Run: clockGettimeSys},
	{Name: "BenchmarkClockGettime/lang=go/impl=xsys", Run: clockGettimeXsys},
	{Name: "BenchmarkClockGettime/lang=go/impl=time", Run: clockGettimeTime},
	{Name: "BenchmarkPipe2Close/lang=go/impl=sys", Run: pipe2CloseSys},
	{Name: "BenchmarkPipe2Close/lang=go/impl=xsys", Run: pipe2CloseXsys},
	{Name: "BenchmarkPipe2Close/lang=go/impl=syscall", Run: pipe2CloseSyscall},
	{Name: "BenchmarkPipe/lang=go/impl=sys/size=1", Run: pipeSys(1)},
	{Name: "BenchmarkPipe/lang=go/impl=xsys/size=1", Run: pipeXsys(1)},
	{Name: "BenchmarkPipe/lang=go/impl=syscall/size=1", Run: pipeSyscall(1)},
	{Name: "BenchmarkPipe/lang=go/impl=sys/size=4096", Run: pipeSys(4096)},
	{Name: "BenchmarkPipe/lang=go/impl=xsys/size=4096", Run: pipeXsys(4096)},
	{Name: "BenchmarkPipe/lang=go/impl=syscall/size=4096", Run: pipeSyscall(4096)},

	{Name: "BenchmarkRingNop/lang=go/impl=uring/batch=1", Run: nop(1, false)},
	{Name: "BenchmarkRingNop/lang=go/impl=uring/batch=8", Run: nop(8, false)},
	{Name: "BenchmarkRingNop/lang=go/impl=uring/batch=64", Run: nop(64, false)},
	{Name: "BenchmarkRingNop/lang=go/impl=uring/batch=256", Run: nop(256, false)},

	{Name: "BenchmarkFileRead/lang=go/impl=os/cache=page/depth=1/size=4096", Run: readOS(1, false)},
	{Name: "BenchmarkFileRead/lang=go/impl=uring/cache=page/depth=1/size=4096", Run: readRing(1, false)},
	{Name: "BenchmarkFileRead/lang=go/impl=aio/engine=io_uring/cache=page/depth=1/size=4096", Run: readAIO(aio.EngineIOUring, 1, false)},
	{Name: "BenchmarkFileRead/lang=go/impl=aio/engine=epoll/cache=page/depth=1/size=4096", Run: readAIO(aio.EngineEpoll, 1, false)},
	{Name: "BenchmarkFileRead/lang=go/impl=os/cache=page/depth=32/size=4096", Run: readOS(32, false)},
	{Name: "BenchmarkFileRead/lang=go/impl=uring/cache=page/depth=32/size=4096", Run: readRing(32, false)},
	{Name: "BenchmarkFileRead/lang=go/impl=aio/engine=io_uring/cache=page/depth=32/size=4096", Run: readAIO(aio.EngineIOUring, 32, false)},
	{Name: "BenchmarkFileRead/lang=go/impl=aio/engine=epoll/cache=page/depth=32/size=4096", Run: readAIO(aio.EngineEpoll, 32, false)},
	{Name: "BenchmarkFileRead/lang=go/impl=os/cache=direct/depth=1/size=4096", Run: readOS(1, true)},
	{Name: "BenchmarkFileRead/lang=go/impl=uring/cache=direct/depth=1/size=4096", Run: readRing(1, true)},
	{Name: "BenchmarkFileRead/lang=go/impl=aio/engine=io_uring/cache=direct/depth=1/size=4096", Run: readAIO(aio.EngineIOUring, 1, true)},
	{Name: "BenchmarkFileRead/lang=go/impl=aio/engine=epoll/cache=direct/depth=1/size=4096", Run: readAIO(aio.EngineEpoll, 1, true)},
	{Name: "BenchmarkFileRead/lang=go/impl=os/cache=direct/depth=32/size=4096", Run: readOS(32, true)},
	{Name: "BenchmarkFileRead/lang=go/impl=uring/cache=direct/depth=32/size=4096", Run: readRing(32, true)},
	{Name: "BenchmarkFileRead/lang=go/impl=aio/engine=io_uring/cache=direct/depth=32/size=4096", Run: readAIO(aio.EngineIOUring, 32, true)},
	{Name: "BenchmarkFileRead/lang=go/impl=aio/engine=epoll/cache=direct/depth=32/size=4096", Run: readAIO(aio.EngineEpoll, 32, true)},

	{Name: "BenchmarkEcho/lang=go/impl=net/conns=1/size=128", Run: echoNet(1, 128)},
	{Name: "BenchmarkEcho/lang=go/impl=aio/engine=io_uring/conns=1/size=128", Run: echoAIO(aio.EngineIOUring, 1, 128)},
	{Name: "BenchmarkEcho/lang=go/impl=aio/engine=epoll/conns=1/size=128", Run: echoAIO(aio.EngineEpoll, 1, 128)},
	{Name: "BenchmarkEcho/lang=go/impl=net/conns=64/size=128", Run: echoNet(64, 128)},
	{Name: "BenchmarkEcho/lang=go/impl=aio/engine=io_uring/conns=64/size=128", Run: echoAIO(aio.EngineIOUring, 64, 128)},
	{Name: "BenchmarkEcho/lang=go/impl=aio/engine=epoll/conns=64/size=128", Run: echoAIO(aio.EngineEpoll, 64, 128)},

	{Name: "BenchmarkRingLink/lang=go/impl=uring/batch=1", Run: nop(1, true)},
	{Name: "BenchmarkRingLink/lang=go/impl=uring/batch=32", Run: nop(32, true)},

	{Name: "BenchmarkRingRead/lang=go/impl=uring/cache=page/depth=1/size=4096", Run: readRing(1, false)},
	{Name: "BenchmarkRingRead/lang=go/impl=uring/cache=page/depth=32/size=4096", Run: readRing(32, false)},
	{Name: "BenchmarkRingRead/lang=go/impl=uring/cache=page/depth=128/size=4096", Run: readRing(128, false)},
	{Name: "BenchmarkRingRead/lang=go/impl=uring/cache=direct/depth=1/size=4096", Run: readRing(1, true)},
	{Name: "BenchmarkRingRead/lang=go/impl=uring/cache=direct/depth=32/size=4096", Run: readRing(32, true)},
	{Name: "BenchmarkRingRead/lang=go/impl=uring/cache=direct/depth=128/size=4096", Run: readRing(128, true)},

	{Name: "BenchmarkRingFixed/lang=go/impl=uring/cache=page/depth=1/size=4096", Run: readFixed(1, false)},
	{Name: "BenchmarkRingFixed/lang=go/impl=uring/cache=page/depth=32/size=4096", Run: readFixed(32, false)},
	{Name: "BenchmarkRingFixed/lang=go/impl=uring/cache=page/depth=128/size=4096", Run: readFixed(128, false)},
	{Name: "BenchmarkRingFixed/lang=go/impl=uring/cache=direct/depth=1/size=4096", Run: readFixed(1, true)},
	{Name: "BenchmarkRingFixed/lang=go/impl=uring/cache=direct/depth=32/size=4096", Run: readFixed(32, true)},
	{Name: "BenchmarkRingFixed/lang=go/impl=uring/cache=direct/depth=128/size=4096", Run: readFixed(128, true)},
}...)

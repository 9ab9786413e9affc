// SPDX-License-Identifier: MIT

// Command gorivals holds the rows of other people's event loops for Go and of
// programs, as a co-process of the driver: what they start when they are imported
// stays out of the program with our rows.
package main

import (
	"fmt"
	"os"

	"example.com/syshim/bench/internal/row"
)

var rows = []row.Row{
	{Name: "BenchmarkEcho/lang=go/impl=gnet/conns=1/size=128", Run: echoGnet(1, 128)},
	{Name: "BenchmarkEcho/lang=go/impl=gnet/conns=64/size=128", Run: echoGnet(64, 128)},
	{Name: "BenchmarkEcho/lang=go/impl=netpoll/conns=1/size=128", Run: echoNetpoll(1, 128)},
	{Name: "BenchmarkEcho/lang=go/impl=netpoll/conns=64/size=128", Run: echoNetpoll(64, 128)},

	{Name: "BenchmarkRingRead/lang=c/impl=fio/cache=page/depth=1/size=4096", Run: readFio(1, false, false)},
	{Name: "BenchmarkRingRead/lang=c/impl=fio/cache=page/depth=32/size=4096", Run: readFio(32, false, false)},
	{Name: "BenchmarkRingRead/lang=c/impl=fio/cache=page/depth=128/size=4096", Run: readFio(128, false, false)},
	{Name: "BenchmarkRingRead/lang=c/impl=fio/cache=direct/depth=1/size=4096", Run: readFio(1, true, false)},
	{Name: "BenchmarkRingRead/lang=c/impl=fio/cache=direct/depth=32/size=4096", Run: readFio(32, true, false)},
	{Name: "BenchmarkRingRead/lang=c/impl=fio/cache=direct/depth=128/size=4096", Run: readFio(128, true, false)},

	{Name: "BenchmarkRingFixed/lang=c/impl=fio/cache=page/depth=1/size=4096", Run: readFio(1, false, true)},
	{Name: "BenchmarkRingFixed/lang=c/impl=fio/cache=page/depth=32/size=4096", Run: readFio(32, false, true)},
	{Name: "BenchmarkRingFixed/lang=c/impl=fio/cache=page/depth=128/size=4096", Run: readFio(128, false, true)},
	{Name: "BenchmarkRingFixed/lang=c/impl=fio/cache=direct/depth=1/size=4096", Run: readFio(1, true, true)},
	{Name: "BenchmarkRingFixed/lang=c/impl=fio/cache=direct/depth=32/size=4096", Run: readFio(32, true, true)},
	{Name: "BenchmarkRingFixed/lang=c/impl=fio/cache=direct/depth=128/size=4096", Run: readFio(128, true, true)},
}

func main() {
	if err := row.Serve(rows, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gorivals:", err)
		os.Exit(1)
	}
}

// SPDX-License-Identifier: MIT

// Command gorivals holds the rows of other people's event loops for Go, as a
// co-process of the driver: what they start when they are imported stays out of
// the program with our rows.
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
}

func main() {
	if err := row.Serve(rows, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gorivals:", err)
		os.Exit(1)
	}
}

// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// coprocKind makes the test program a co-process of a kind.
const coprocKind = "BENCH_TEST_COPROC"

func TestMain(m *testing.M) {
	if kind := os.Getenv(coprocKind); kind != "" {
		serveKind(kind)
		return
	}
	os.Exit(m.Run())
}

// serveKind is a co-process that does not always do as it should: what comes
// after "run" and "ops" depends on the kind.
func serveKind(kind string) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		command, _, _ := strings.Cut(lines.Text(), " ")
		switch {
		case command == "info":
			fmt.Println("compiler test 1.0")
		case command == "rows":
			fmt.Printf("row BenchmarkA/lang=c/impl=%s\nend\n", kind)
		case kind == "dies":
			os.Exit(7)
		case kind == "hangs":
			time.Sleep(time.Hour)
		case kind == "talks":
			fmt.Println("ok many 17")
		case kind == "skips":
			fmt.Println("skip no such device")
		case kind == "fails":
			fmt.Println("fail read: input/output error")
		case kind == "counts-nothing":
			fmt.Println("ok 100 12345")
		case command == "client":
			fmt.Println("fail connect: errno 111")
		case kind == "serves":
			fmt.Println("port 9")
			select {}
		default:
			fmt.Println("ok 100 12345 calls=200")
		}
	}
}

// testCoproc is this program as a co-process of a kind.
func testCoproc(t *testing.T, kind string) *coproc {
	t.Helper()
	t.Setenv(coprocKind, kind)
	p := &coproc{name: kind, argv: []string{os.Args[0]}}
	// The environment is taken at the start.
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(true) })
	return p
}

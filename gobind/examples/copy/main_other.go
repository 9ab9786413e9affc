// SPDX-License-Identifier: MIT

//go:build !linux || !(amd64 || arm64)

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "copy: io_uring is Linux's, and this is for amd64 and arm64")
	os.Exit(1)
}

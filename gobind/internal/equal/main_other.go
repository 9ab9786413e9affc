// SPDX-License-Identifier: MIT

//go:build !linux || !(amd64 || arm64)

package main

func main() {
	println("equal needs Linux on amd64 or arm64")
}

// SPDX-License-Identifier: MIT

// Command sandbox runs a program in a box: a directory is all that it sees of
// the file system, with the system's programs in it to be read, and /tmp to write
// to; it is alone with its children, has no network, no capability, no terminal
// to control, and no way to gain rights. Root and everybody else may start it.
//
//	$ go run ./examples/sandbox /tmp/box /bin/sh -c 'id -u; echo $$; ls /'
//	1000
//	1
//	bin  dev  lib  lib64  proc  tmp  usr
//
// The exit status is the program's, or 125. It ends with this program. What it
// does not do is told in shim/examples/sandbox.c, whose twin it is. It needs
// Linux on amd64 or arm64.
package main

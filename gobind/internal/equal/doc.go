// SPDX-License-Identifier: MIT

// Command equal calls the functions of package sys as the supervisor of
// tests/equal says, which sees what arrives in the kernel, and compares it with
// the calls of the C library and with the specification. Without a supervisor
// it does nothing.
package main

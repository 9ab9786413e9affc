// SPDX-License-Identifier: MIT

// Package mainprog is for tests of programs: the test program is the program
// itself when [Command] starts it. TestMain calls [Main].
package mainprog

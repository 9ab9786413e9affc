module example.com/syshim/tests/cgo

go 1.24

require example.com/syshim/gobind v0.0.0

replace example.com/syshim/gobind => ../../gobind

module example.com/syshim/gobind

go 1.24

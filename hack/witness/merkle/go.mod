module github.com/transparency-dev/merkle

go 1.26.0

require upstream.invalid/merkle v0.0.2

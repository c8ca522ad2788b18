package main

import (
	"context"
	"io"
)

func makePlugin(ctx context.Context, args []string, stdout io.Writer) error { return nil }

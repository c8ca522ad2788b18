//go:build browser

package browser

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render"
)

// checks is an expression: an object with a function per check.
//
//go:embed checks.js
var checks string

// patience bounds one step of a browser on a busy machine.
const patience = 2 * time.Minute

// findBrowser finds Chromium or Chrome.
func findBrowser() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell", "chrome-headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("make e2e-browser needs Chromium or Chrome in the PATH")
}

// TestMain fails with one sentence where there is no browser.
func TestMain(m *testing.M) {
	if _, err := findBrowser(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// tab is a tab of a browser that shows a page.
type tab struct{ ctx context.Context }

// open shows the page of a record.
func open(t *testing.T, r *report.Record) *tab {
	t.Helper()
	path, err := findBrowser()
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "record.html")
	file, err := os.Create(page)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(render.HTML(file, r, render.Options{}), file.Close()); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate((&url.URL{Scheme: "file", Path: page}).String())); err != nil {
		t.Fatal(err)
	}
	return &tab{ctx}
}

// run runs an action.
func run[T any](t *testing.T, b *tab, action chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// check is what a check says.
func check[T any](t *testing.T, b *tab, name string) T {
	t.Helper()
	return run(t, b, chromedp.Evaluate[T](checks+"."+name+"()"))
}

// resize sets the size of the screen.
func (b *tab) resize(t *testing.T, width, height int64) {
	t.Helper()
	run(t, b, chromedp.EmulateViewport(width, height))
}

// light sets what the page is shown in: light or dark.
func (b *tab) light(t *testing.T, scheme string) {
	t.Helper()
	b.media(t, "screen", scheme)
}

// media sets what the page is shown on, and what its reader prefers.
func (b *tab) media(t *testing.T, media, scheme string) {
	t.Helper()
	run(t, b, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
		return cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: features})
	})
}

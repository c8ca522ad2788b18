package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render"
)

// errNoBrowser says how else to come to a PDF.
var errNoBrowser = errors.New("-o pdf needs Chromium or Chrome in the PATH: write the page with -o html, and print that to a file in any browser")

// findBrowser finds a browser that prints pages by itself.
func findBrowser() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell", "chrome-headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoBrowser
}

// printPDF prints the page of a record. The browser works in a folder of its
// own, with a profile of its own, and has nothing to fetch: the page needs
// nothing else.
func printPDF(ctx context.Context, browser string, w io.Writer, record *report.Record, options render.Options) error {
	folder, err := os.MkdirTemp("", "holdfast-pdf-*")
	if err != nil {
		return fmt.Errorf("print the page: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // What is left is a temporary file.
	page, printed := filepath.Join(folder, "record.html"), filepath.Join(folder, "record.pdf")
	if err := writePage(page, record, options); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, browser, browserArgs(folder, page, printed, os.Geteuid() == 0)...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("print the page with %s: %w: %s", filepath.Base(browser), err, lastLine(string(output)))
	}
	file, err := os.Open(printed)
	if err != nil {
		return fmt.Errorf("print the page: %s wrote nothing", filepath.Base(browser))
	}
	defer func() { _ = file.Close() }() // It was read only.
	_, err = io.Copy(w, file)
	return err
}

func writePage(path string, record *report.Record, options render.Options) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("print the page: %w", err)
	}
	return errors.Join(render.HTML(file, record, options), file.Close())
}

// browserArgs are the arguments of a browser that prints a page and ends.
func browserArgs(folder, page, printed string, root bool) []string {
	args := []string{
		"--headless", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
		"--disable-extensions", "--disable-sync", "--no-first-run", "--no-default-browser-check", "--no-pdf-header-footer",
		"--user-data-dir=" + filepath.Join(folder, "profile"), "--print-to-pdf=" + printed,
	}
	if root {
		// A browser does not sandbox itself as root.
		args = append(args, "--no-sandbox")
	}
	return append(args, (&url.URL{Scheme: "file", Path: page}).String())
}

// lastLine is the last line that says something.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

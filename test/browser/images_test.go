//go:build browser

package browser

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/holdfast-dev/holdfast/internal/report/render/rendertest"
)

var images = flag.String("images", "", "folder to write pictures of the page to")

// mostBytes is how large a picture may be: it is kept with the code.
const mostBytes = 300_000

// TestPictures takes the pictures of the documentation.
func TestPictures(t *testing.T) {
	folder := *images
	if folder == "" {
		folder = t.TempDir()
	}
	b := open(t, rendertest.Rich())
	for _, p := range []struct {
		name, scheme, from string
		width, height      float64
	}{
		{"record-cover", "light", ".cover", 1280, 1500},
		{"record-control", "light", "#control-1", 1280, 1500},
		{"record-control-dark", "dark", "#control-1", 1280, 1500},
		{"record-tool", "light", "#custody", 1280, 1300},
		{"record-narrow", "light", "#control-1", 390, 1400},
	} {
		b.resize(t, int64(p.width), 900)
		b.light(t, p.scheme)
		picture := compressed(t, b.picture(t, p.from, p.width, p.height))
		if len(picture) > mostBytes {
			t.Errorf("%s has %d bytes, want at most %d", p.name, len(picture), mostBytes)
		}
		if err := os.WriteFile(filepath.Join(folder, p.name+".png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// picture takes a picture of the page from an element downwards.
func (b *tab) picture(t *testing.T, from string, width, height float64) []byte {
	t.Helper()
	top := run(t, b, chromedp.Evaluate[float64](fmt.Sprintf("document.querySelector(%q).getBoundingClientRect().top + scrollY", from)))
	return run(t, b, func(ctx context.Context, target *chromedp.Target) ([]byte, error) {
		clip := &page.Viewport{Y: top, Width: width, Height: height, Scale: 1}
		result, err := cdp.Call(ctx, target, page.CaptureScreenshot, page.CaptureScreenshotParams{Clip: clip, CaptureBeyondViewport: new(true)})
		return result.Data, err
	})
}

// compressed is a picture with at most 256 colours, those that it has most of.
func compressed(t *testing.T, data []byte) []byte {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	reduced := image.NewPaletted(picture.Bounds(), commonest(picture))
	draw.Draw(reduced, reduced.Bounds(), picture, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, reduced); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// commonest are the 256 colours that a picture has most of, always in one order.
func commonest(picture image.Image) color.Palette {
	counts := map[color.RGBA]int{}
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			counts[color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA)]++
		}
	}
	found := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	palette := color.Palette{}
	for _, c := range found[:min(len(found), 256)] {
		palette = append(palette, c)
	}
	return palette
}

// Command release makes what a release of Holdfast consists of: the operator's
// image with its bill of materials, and the archives of the kubectl plugin with
// their manifest for krew. It needs Go and git, and no container engine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/holdfast-dev/holdfast/hack/release/build"
	"github.com/holdfast-dev/holdfast/hack/release/image"
)

const usage = `usage: release COMMAND [FLAGS] [ARGUMENT]

  image                    make the operator's image and its bill of materials
  push REGISTRY/REPO:TAG   push the image that was made
  unpack DIRECTORY         write the files of the image that was made
  plugin                   make the archives of the kubectl plugin, and krew's manifest

release COMMAND -help lists a command's flags`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run carries out a command line.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	commands := map[string]func(context.Context, []string, io.Writer) error{
		"image": makeImage, "push": push, "unpack": unpack, "plugin": makePlugin,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		return errors.New(usage)
	}
	return commands[args[0]](ctx, args[1:], stdout)
}

// flags are those of the commands; a command has some of them.
type flags struct {
	set       *flag.FlagSet
	dir       string
	platforms string
}

func newFlags(command, dir, platforms string) *flags {
	f := &flags{set: flag.NewFlagSet("release "+command, flag.ContinueOnError)}
	f.set.StringVar(&f.dir, "dir", dir, "directory of what is made, in the repository unless it is absolute")
	if platforms != "" {
		f.set.StringVar(&f.platforms, "platforms", platforms, "what it is for, separated by commas")
	}
	return f
}

// parse reads the flags and the arguments, of which there have to be as many as
// are named. It returns the repository's root.
func (f *flags) parse(args []string, named ...string) (root string, err error) {
	if err := f.set.Parse(args); err != nil {
		return "", err
	}
	if f.set.NArg() != len(named) {
		return "", fmt.Errorf("%s takes %d arguments: %s", f.set.Name(), len(named), strings.Join(named, " "))
	}
	if root, err = repository(); err != nil {
		return "", err
	}
	if !filepath.IsAbs(f.dir) {
		f.dir = filepath.Join(root, f.dir)
	}
	return root, nil
}

// repository is the root of the repository around the working directory.
func repository() (string, error) {
	output, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	module := filepath.Dir(strings.TrimSpace(string(output)))
	if filepath.Base(module) != "release" {
		return "", errors.New("find the repository: run it in hack/release, as make does")
	}
	return filepath.Dir(filepath.Dir(module)), nil
}

// Where what is made goes, and what it is for.
const (
	imageDir        = "bin/image"
	imagePlatforms  = "linux/amd64,linux/arm64"
	pluginDir       = "bin/krew"
	pluginPlatforms = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"
)

// push pushes the image that was made.
func push(ctx context.Context, args []string, stdout io.Writer) error {
	f := newFlags("push", imageDir, "")
	if _, err := f.parse(args, "REGISTRY/REPO:TAG"); err != nil {
		return err
	}
	tag, err := name.NewTag(f.set.Arg(0), name.StrictValidation)
	if err != nil {
		return fmt.Errorf("read where to push to: %w", err)
	}
	made, err := image.Read(f.dir)
	if err != nil {
		return err
	}
	digest, err := made.Push(tag, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, tag.Digest(digest.String()))
	return err
}

// unpack writes the files of the image that was made.
func unpack(_ context.Context, args []string, _ io.Writer) error {
	f := newFlags("unpack", imageDir, "linux/"+runtime.GOARCH)
	if _, err := f.parse(args, "DIRECTORY"); err != nil {
		return err
	}
	platforms, err := build.ParsePlatforms(f.platforms)
	if err != nil {
		return err
	}
	made, err := image.Read(f.dir)
	if err != nil {
		return err
	}
	img, err := made.Image(platforms[0])
	if err != nil {
		return err
	}
	return image.Unpack(img, f.set.Arg(0))
}

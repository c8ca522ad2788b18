package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// serviceAccountDir is where a container finds its service account's token.
const serviceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// A Launcher makes the process of a container, which is then started.
type Launcher interface {
	// Command is the process: its program, arguments, environment and directory.
	// Its output is the Node's business, and so are its user, group and process
	// group unless SysProcAttr is set.
	Command(Container) (*exec.Cmd, error)
}

// Container is what a Launcher runs.
type Container struct {
	// Image is the image's name, and Binary the program that the Node runs for it.
	Image, Binary string
	// Command is what replaces the image's entry point; usually empty.
	Command []string
	// Args and Env, as KEY=value, are the pod's, and those of Kubernetes in Env.
	// Addresses to listen at are those of Ports: all else is as in the pod.
	Args, Env []string
	// WorkingDir is the pod's; empty means the image's.
	WorkingDir string
	// Mounts are its volumes.
	Mounts []Mount
	// Ports are the local addresses of its ports.
	Ports map[int32]string
	// UID and GID are its user and group.
	UID, GID uint32
	// ReadOnlyRoot is whether it may write to its mounts only.
	ReadOnlyRoot bool
	// Dir is a directory for the Launcher's own files, which the container's user
	// can enter. It ends with the pod.
	Dir string
}

// Mount is a directory that a container sees at a path.
type Mount struct {
	Path, Dir string
	ReadOnly  bool
}

// LocalProcess runs the bare binary of an image. The process sees this machine's
// files, so the paths of mounts are replaced in its arguments and environment by
// those of the directories; and it finds the API server and its service account's
// token by a kubeconfig in $KUBECONFIG, and not below /var/run/secrets. A mount
// that is read-only can be written, and so can what anybody may write.
type LocalProcess struct{}

// Command implements Launcher.
func (LocalProcess) Command(c Container) (*exec.Cmd, error) {
	var args, env []string
	for _, arg := range c.Args {
		args = append(args, local(arg, c.Mounts))
	}
	for _, variable := range c.Env {
		env = append(env, local(variable, c.Mounts))
	}
	kubeconfig, err := tokenKubeconfig(c)
	if err != nil {
		return nil, err
	}
	if kubeconfig != "" {
		env = append(env, "KUBECONFIG="+kubeconfig)
	}
	// The container's user may not be able to read the binary where it was built.
	binary := filepath.Join(c.Dir, "entrypoint")
	if err := copyFile(c.Binary, binary, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, args...)
	cmd.Env, cmd.Dir = env, c.Dir
	return cmd, nil
}

// local replaces the path of a mount in a text of the form path, or name=path.
func local(text string, mounts []Mount) string {
	name, value, found := strings.Cut(text, "=")
	if !found {
		name, value = "", text
	} else {
		name += "="
	}
	best := Mount{}
	for _, m := range mounts {
		if (value == m.Path || strings.HasPrefix(value, m.Path+"/")) && len(m.Path) > len(best.Path) {
			best = m
		}
	}
	return name + best.Dir + strings.TrimPrefix(value, best.Path)
}

// tokenKubeconfig writes a kubeconfig by which the container is its service
// account; empty if it has no token.
func tokenKubeconfig(c Container) (string, error) {
	i := slices.IndexFunc(c.Mounts, func(m Mount) bool { return m.Path == serviceAccountDir })
	if i < 0 {
		return "", nil
	}
	dir, env := c.Mounts[i].Dir, map[string]string{}
	for _, variable := range c.Env {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["in-cluster"] = &clientcmdapi.Cluster{
		Server:               "https://" + net.JoinHostPort(env["KUBERNETES_SERVICE_HOST"], env["KUBERNETES_SERVICE_PORT"]),
		CertificateAuthority: filepath.Join(dir, "ca.crt"),
	}
	config.AuthInfos["service-account"] = &clientcmdapi.AuthInfo{TokenFile: filepath.Join(dir, "token")}
	config.Contexts["in-cluster"] = &clientcmdapi.Context{Cluster: "in-cluster", AuthInfo: "service-account"}
	config.CurrentContext = "in-cluster"
	path := filepath.Join(c.Dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return "", err
	}
	// It holds no secret, but the path of one.
	return path, os.Chmod(path, 0o644)
}

func copyFile(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	// One that runs cannot be written to, but removed.
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}

// prepare makes all that the pod's container needs, and says what to run.
func (p *nodePod) prepare(ctx context.Context) (Container, error) {
	spec := p.container()
	if err := p.unsupported(); err != nil {
		return Container{}, err
	}
	c := Container{Image: spec.Image, Binary: p.node.binary(spec.Image), Command: spec.Command, WorkingDir: spec.WorkingDir}
	c.Dir = filepath.Join(p.node.dir, "pods", string(p.pod.UID))
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return Container{}, err
	}
	if err := p.identify(&c); err != nil {
		return Container{}, err
	}
	var err error
	if c.Mounts, err = p.mounts(ctx, c); err != nil {
		return Container{}, err
	}
	if c.Ports, err = p.listen(); err != nil {
		return Container{}, err
	}
	env, err := p.environment()
	if err != nil {
		return Container{}, err
	}
	for name, value := range env {
		c.Env = append(c.Env, name+"="+value)
	}
	for _, arg := range spec.Args {
		c.Args = append(c.Args, bind(expand(arg, env), c.Ports))
	}
	return c, nil
}

// environment is the container's: what a runtime sets, what a kubelet sets, and
// what the pod does.
func (p *nodePod) environment() (map[string]string, error) {
	env := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "HOSTNAME": p.pod.Name,
		"KUBERNETES_SERVICE_HOST": p.node.host.Hostname(), "KUBERNETES_SERVICE_PORT": p.node.host.Port(),
	}
	for _, variable := range p.container().Env {
		value, err := p.value(variable)
		if err != nil {
			return nil, err
		}
		env[variable.Name] = expand(value, env)
	}
	return env, nil
}

// unsupported says what of the pod the Node cannot run.
func (p *nodePod) unsupported() error {
	spec := p.container()
	switch {
	case len(p.pod.Spec.Containers) > 1 || len(p.pod.Spec.InitContainers) > 0:
		return fmt.Errorf("the harness runs pods of one container")
	case len(spec.EnvFrom) > 0 || spec.Lifecycle != nil:
		return fmt.Errorf("the harness knows neither envFrom nor lifecycle hooks")
	}
	for _, probe := range []*corev1.Probe{spec.StartupProbe, spec.ReadinessProbe, spec.LivenessProbe} {
		if probe != nil && probe.HTTPGet == nil {
			return fmt.Errorf("the harness knows httpGet probes only")
		}
	}
	return nil
}

// identify says as whom the container runs, and refuses root where the pod does.
func (p *nodePod) identify(c *Container) error {
	c.UID, c.GID = nonRoot, nonRoot
	refuse := false
	if s := p.pod.Spec.SecurityContext; s != nil {
		override(&c.UID, s.RunAsUser)
		override(&c.GID, s.RunAsGroup)
		refuse = s.RunAsNonRoot != nil && *s.RunAsNonRoot
	}
	if s := p.container().SecurityContext; s != nil {
		override(&c.UID, s.RunAsUser)
		override(&c.GID, s.RunAsGroup)
		if s.RunAsNonRoot != nil {
			refuse = *s.RunAsNonRoot
		}
		c.ReadOnlyRoot = s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem
	}
	if refuse && c.UID == 0 {
		return fmt.Errorf("container has runAsNonRoot and image will run as root")
	}
	return nil
}

func override(id *uint32, with *int64) {
	if with != nil {
		*id = uint32(*with)
	}
}

// listen finds a local address for each port, and has connections to the pod's
// port end there.
func (p *nodePod) listen() (map[int32]string, error) {
	ports := map[int32]string{}
	for _, port := range p.container().Ports {
		address, err := p.node.cluster.FreeAddress()
		if err != nil {
			return nil, err
		}
		ports[port.ContainerPort] = address
		if network := p.node.cluster.PodNetwork; network != nil {
			network.Listen(p.ip, port.ContainerPort, address)
		}
	}
	return ports, nil
}

// bind replaces the address in an argument of the form name=:port.
func bind(arg string, ports map[int32]string) string {
	name, value, found := strings.Cut(arg, "=")
	if !found {
		return arg
	}
	host, port, err := net.SplitHostPort(value)
	if err != nil || host != "" && host != "0.0.0.0" && host != "[::]" {
		return arg
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil || ports[int32(number)] == "" {
		return arg
	}
	return name + "=" + ports[int32(number)]
}

// expand replaces $(NAME) by variables that were stated before.
func expand(text string, env map[string]string) string {
	for name, value := range env {
		text = strings.ReplaceAll(text, "$("+name+")", value)
	}
	return text
}

// value is the value of an environment variable.
func (p *nodePod) value(variable corev1.EnvVar) (string, error) {
	from := variable.ValueFrom
	switch {
	case from == nil:
		return variable.Value, nil
	case from.FieldRef != nil:
		return p.field(from.FieldRef.FieldPath)
	case from.ResourceFieldRef != nil:
		return p.resource(from.ResourceFieldRef)
	}
	return "", fmt.Errorf("environment variable %s: the harness knows values, fieldRef and resourceFieldRef", variable.Name)
}

// field is a field of the pod.
func (p *nodePod) field(path string) (string, error) {
	switch path {
	case "metadata.name":
		return p.pod.Name, nil
	case "metadata.namespace":
		return p.pod.Namespace, nil
	case "metadata.uid":
		return string(p.pod.UID), nil
	case "spec.serviceAccountName":
		return p.pod.Spec.ServiceAccountName, nil
	case "spec.nodeName":
		return nodeName, nil
	case "status.podIP":
		return p.ip, nil
	}
	return "", fmt.Errorf("the harness does not know the field %s", path)
}

// resource is a request or a limit of the container, in units of the divisor,
// rounded up.
func (p *nodePod) resource(ref *corev1.ResourceFieldSelector) (string, error) {
	kind, name, _ := strings.Cut(ref.Resource, ".")
	list := map[string]corev1.ResourceList{"limits": p.container().Resources.Limits, "requests": p.container().Resources.Requests}[kind]
	quantity, stated := list[corev1.ResourceName(name)]
	if !stated {
		return "", fmt.Errorf("the container states no %s, and the harness has no node's capacity to take instead", ref.Resource)
	}
	divisor := ref.Divisor
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	value, unit := quantity.MilliValue(), divisor.MilliValue()
	return strconv.FormatInt((value+unit-1)/unit, 10), nil
}

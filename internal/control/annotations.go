package control

// IngressAnnotations returns the annotations of Ingresses that a rule looks at:
// by them controllers redirect, take certificates from elsewhere, or have them
// issued. None holds a secret.
func IngressAnnotations() []string {
	return []string{
		"alb.ingress.kubernetes.io/certificate-arn",
		"alb.ingress.kubernetes.io/group.name",
		"alb.ingress.kubernetes.io/listen-ports",
		"alb.ingress.kubernetes.io/ssl-redirect",
		"appgw.ingress.kubernetes.io/appgw-ssl-certificate",
		"appgw.ingress.kubernetes.io/ssl-redirect",
		"cert-manager.io/cluster-issuer",
		"cert-manager.io/issuer",
		"haproxy-ingress.github.io/ssl-redirect",
		"haproxy.org/ssl-redirect",
		"ingress.gcp.kubernetes.io/pre-shared-cert",
		"ingress.kubernetes.io/force-ssl-redirect",
		"ingress.kubernetes.io/ssl-redirect",
		"kubernetes.io/ingress.allow-http",
		"kubernetes.io/tls-acme",
		"networking.gke.io/managed-certificates",
		"networking.gke.io/v1beta1.FrontendConfig",
		"nginx.ingress.kubernetes.io/force-ssl-redirect",
		"nginx.ingress.kubernetes.io/ssl-passthrough",
		"nginx.ingress.kubernetes.io/ssl-redirect",
		"route.openshift.io/termination",
		"traefik.ingress.kubernetes.io/router.entrypoints",
		"traefik.ingress.kubernetes.io/router.tls",
	}
}

// PodAnnotations returns the annotations of pods by which inbound traffic goes
// past the proxy of a mesh.
func PodAnnotations() []string {
	return []string{
		"config.linkerd.io/skip-inbound-ports",
		"traffic.sidecar.istio.io/excludeInboundPorts",
		"traffic.sidecar.istio.io/includeInboundPorts",
	}
}

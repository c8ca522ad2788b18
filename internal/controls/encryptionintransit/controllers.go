package encryptionintransit

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The annotations that are read here; control.IngressAnnotations has all of them.
const (
	nginxRedirect      = "nginx.ingress.kubernetes.io/ssl-redirect"
	nginxForce         = "nginx.ingress.kubernetes.io/force-ssl-redirect"
	nginxPassthrough   = "nginx.ingress.kubernetes.io/ssl-passthrough"
	genericRedirect    = "ingress.kubernetes.io/ssl-redirect"
	genericForce       = "ingress.kubernetes.io/force-ssl-redirect"
	haproxyRedirect    = "haproxy.org/ssl-redirect"
	haproxyIngress     = "haproxy-ingress.github.io/ssl-redirect"
	gatewayRedirect    = "appgw.ingress.kubernetes.io/ssl-redirect"
	gatewayCertificate = "appgw.ingress.kubernetes.io/appgw-ssl-certificate"
	albRedirect        = "alb.ingress.kubernetes.io/ssl-redirect"
	albPorts           = "alb.ingress.kubernetes.io/listen-ports"
	albCertificate     = "alb.ingress.kubernetes.io/certificate-arn"
	albGroup           = "alb.ingress.kubernetes.io/group.name"
	allowHTTP          = "kubernetes.io/ingress.allow-http"
	gkeShared          = "ingress.gcp.kubernetes.io/pre-shared-cert"
	gkeManaged         = "networking.gke.io/managed-certificates"
	gkeFrontend        = "networking.gke.io/v1beta1.FrontendConfig"
	routeTermination   = "route.openshift.io/termination"
	traefikEntrances   = "traefik.ingress.kubernetes.io/router.entrypoints"
	traefikTLS         = "traefik.ingress.kubernetes.io/router.tls"
)

// controller is what serves Ingresses of a class.
type controller string

const (
	unknownController controller = ""
	ingressNginx      controller = "ingress-nginx"
	nginxInc          controller = "NGINX Ingress Controller"
	alb               controller = "AWS Load Balancer Controller"
	gke               controller = "GKE Ingress"
	contour           controller = "Contour"
	openShift         controller = "OpenShift"
	traefik           controller = "Traefik"
	haproxyTech       controller = "HAProxy Kubernetes Ingress Controller"
	haproxyCommunity  controller = "HAProxy Ingress"
	appGateway        controller = "Application Gateway"
)

// controllerNames are parts of spec.controller of IngressClasses, and controllers.
var controllerNames = []struct {
	part string
	is   controller
}{
	{"ingress-nginx", ingressNginx},
	{"nginx.org/", nginxInc},
	{"ingress.k8s.aws/", alb},
	{"eks.amazonaws.com/", alb},
	{"projectcontour.io/", contour},
	{"openshift.io/", openShift},
	{"traefik.io/", traefik},
	{"haproxy.org/", haproxyTech},
	{"haproxy-ingress.github.io/", haproxyCommunity},
	{"azure/application-gateway", appGateway},
}

// classNames are names of classes that usually have no IngressClass, or are what
// the controller's own installation calls it.
var classNames = map[string]controller{
	"nginx": ingressNginx, "alb": alb, "gce": gke, "gce-internal": gke, "contour": contour,
	"openshift-default": openShift, "traefik": traefik, "azure/application-gateway": appGateway,
	"azure-application-gateway": appGateway,
}

// controllerOf tells who serves an Ingress: by its IngressClass, and only without
// one by the name of the class.
func controllerOf(i *control.Ingress) controller {
	if i.Controller == "" {
		return classNames[i.Class]
	}
	for _, n := range controllerNames {
		if strings.Contains(i.Controller, n.part) {
			return n.is
		}
	}
	return unknownController
}

// cloudCertificate reports whether the provider's load balancer brings a
// certificate of its own.
func cloudCertificate(i *control.Ingress) bool {
	by := func(c controller, names ...string) bool {
		if is := controllerOf(i); is != c && is != unknownController {
			return false
		}
		for _, name := range names {
			if i.Annotations[name] != "" {
				return true
			}
		}
		return false
	}
	return by(alb, albCertificate) || by(gke, gkeShared, gkeManaged) || by(appGateway, gatewayCertificate)
}

// passesThrough reports whether the controller leaves TLS to the pods.
func passesThrough(i *control.Ingress) bool {
	through, _ := strconv.ParseBool(i.Annotations[nginxPassthrough])
	return through || i.Annotations[routeTermination] == "passthrough"
}

// plainHTTP is what annotations predict of plain HTTP.
type plainHTTP int

const (
	notPredicted plainHTTP = iota
	// redirects to https.
	redirects
	// refuses connections, or serves nothing.
	refuses
	// serves content.
	serves
)

// predicted returns what the annotations of an Ingress say about plain HTTP, and
// by which of them. Where the controller's own configuration, or its version,
// decides, nothing is predicted.
func predicted(i *control.Ingress, covered bool) (plainHTTP, string) {
	switch c := controllerOf(i); c {
	case alb:
		return predictedALB(i)
	case gke:
		return predictedGKE(i)
	case traefik:
		return predictedTraefik(i)
	case contour:
		return predictedContour(i)
	case nginxInc:
		return byAnnotation(i, genericRedirect, covered)
	case ingressNginx:
		if forced, _ := byAnnotation(i, nginxForce, true); forced == redirects {
			return redirects, nginxForce
		}
		return byAnnotation(i, nginxRedirect, covered)
	case haproxyTech:
		return byAnnotation(i, haproxyRedirect, covered)
	case haproxyCommunity:
		return byAnnotation(i, haproxyIngress, covered)
	case appGateway:
		return byAnnotation(i, gatewayRedirect, covered)
	}
	return notPredicted, ""
}

// byAnnotation reads an annotation that is true or false. What TLS does not cover
// is not redirected by it.
func byAnnotation(i *control.Ingress, name string, covered bool) (plainHTTP, string) {
	switch on, err := strconv.ParseBool(strings.TrimSpace(i.Annotations[name])); {
	case err != nil:
		return notPredicted, ""
	case !on:
		return serves, name
	case covered:
		return redirects, name
	}
	return notPredicted, ""
}

// predictedALB: without listen-ports there is one port, HTTPS where a certificate
// is stated and HTTP else. The Ingresses of a group share theirs.
func predictedALB(i *control.Ingress) (plainHTTP, string) {
	if i.Annotations[albRedirect] != "" {
		return redirects, albRedirect
	}
	if i.Annotations[albGroup] != "" {
		return notPredicted, ""
	}
	stated, found := i.Annotations[albPorts]
	if !found {
		if i.Annotations[albCertificate] != "" {
			return refuses, albCertificate
		}
		return serves, albPorts
	}
	var ports []map[string]int
	if json.Unmarshal([]byte(stated), &ports) != nil {
		return notPredicted, ""
	}
	for _, p := range ports {
		if _, plain := p["HTTP"]; plain {
			return serves, albPorts
		}
	}
	return refuses, albPorts
}

// predictedGKE: plain HTTP is served unless it is forbidden; what a FrontendConfig
// says is not observed.
func predictedGKE(i *control.Ingress) (plainHTTP, string) {
	switch {
	case i.Annotations[allowHTTP] == "false":
		return refuses, allowHTTP
	case i.Annotations[gkeFrontend] != "":
		return notPredicted, ""
	}
	return serves, allowHTTP
}

// predictedContour: plain HTTP is served unless it is forbidden, or redirected.
func predictedContour(i *control.Ingress) (plainHTTP, string) {
	switch {
	case i.Annotations[allowHTTP] == "false":
		return refuses, allowHTTP
	case i.Annotations[genericForce] == "true":
		return redirects, genericForce
	}
	return serves, genericForce
}

// predictedTraefik: a router with TLS answers nothing else, and one at the entry
// point websecure is at no other.
func predictedTraefik(i *control.Ingress) (plainHTTP, string) {
	if i.Annotations[traefikTLS] == "true" {
		return refuses, traefikTLS
	}
	if i.Annotations[traefikEntrances] == "websecure" {
		return refuses, traefikEntrances
	}
	return notPredicted, ""
}

// redirectAnnotation returns the annotation by which a controller redirects what
// TLS covers, and does nothing else; "" where there is none, or it is not known.
func redirectAnnotation(i *control.Ingress) string {
	switch controllerOf(i) {
	case ingressNginx:
		return nginxRedirect
	case nginxInc:
		return genericRedirect
	case contour:
		return genericForce
	case haproxyTech:
		return haproxyRedirect
	case haproxyCommunity:
		return haproxyIngress
	}
	return ""
}

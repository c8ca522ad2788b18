package encryptionintransit

// Reasons of findings, beside those of NotEvaluated ones.
const (
	// ReasonCovered surfaces when every host of an Ingress is covered by TLS.
	ReasonCovered = "Covered"
	// ReasonNotCovered surfaces when a host, or the default backend, is not.
	ReasonNotCovered = "NotCovered"
	// ReasonDefaultCertificate surfaces when a host for which spec.tls names no
	// Secret is served with a certificate of other names.
	ReasonDefaultCertificate = "DefaultCertificate"

	// ReasonValid surfaces when the certificates are sound.
	ReasonValid = "Valid"
	// ReasonNoSecret surfaces when an Ingress names no TLS Secret.
	ReasonNoSecret = "NoSecret"
	// ReasonSecretMissing surfaces when a TLS Secret does not exist.
	ReasonSecretMissing = "SecretMissing"
	// ReasonWrongType surfaces when a Secret is not of type kubernetes.io/tls.
	ReasonWrongType = "WrongType"
	// ReasonUnreadable surfaces when a Secret holds no certificate that can be read.
	ReasonUnreadable = "Unreadable"
	// ReasonKeyMismatch surfaces when the private key is not that of the certificate.
	ReasonKeyMismatch = "KeyMismatch"
	// ReasonBrokenChain surfaces when a certificate of the chain did not sign the one before.
	ReasonBrokenChain = "BrokenChain"
	// ReasonNotYetValid surfaces when a certificate's time has not begun.
	ReasonNotYetValid = "NotYetValid"
	// ReasonExpired surfaces when a certificate has expired.
	ReasonExpired = "Expired"
	// ReasonExpiring surfaces when a certificate expires within expiryThreshold.
	ReasonExpiring = "Expiring"
	// ReasonWrongName surfaces when a certificate does not name the host.
	ReasonWrongName = "WrongName"
	// ReasonWeakKey surfaces when a key is RSA below 2048 bits, EC below 256, or DSA.
	ReasonWeakKey = "WeakKey"
	// ReasonWeakSignature surfaces when a certificate is signed with SHA-1 or MD5.
	ReasonWeakSignature = "WeakSignature"

	// ReasonRedirected surfaces when plain HTTP redirects to https, or is not served.
	ReasonRedirected = "Redirected"
	// ReasonPlainHTTP surfaces when plain HTTP serves content.
	ReasonPlainHTTP = "PlainHTTP"
	// ReasonNotStated surfaces in Enforce mode when Holdfast takes over the
	// annotation that redirects, and it is absent.
	ReasonNotStated = "NotStated"
	// ReasonRecorded surfaces when what is in the clear is recorded, not forbidden.
	ReasonRecorded = "Recorded"

	// ReasonEncrypted surfaces when everything that is served is encrypted.
	ReasonEncrypted = "Encrypted"
	// ReasonPlainRoute surfaces when an HTTP listener has a route that does not redirect.
	ReasonPlainRoute = "PlainRoute"
	// ReasonNoCertificate surfaces when a listener that terminates TLS names no certificate.
	ReasonNoCertificate = "NoCertificate"
	// ReasonNotGranted surfaces when no ReferenceGrant lets a listener use a Secret
	// of another namespace.
	ReasonNotGranted = "NotGranted"

	// ReasonStrict surfaces when every workload accepts meshed traffic only.
	ReasonStrict = "Strict"
	// ReasonNotInstalled surfaces when the mesh, or cert-manager, is demanded and its
	// kinds are not served. It is a deviation.
	ReasonNotInstalled = "NotInstalled"
	// ReasonNoWorkloads surfaces when no pods run in the namespace.
	ReasonNoWorkloads = "NoWorkloads"
	// ReasonNotMeshed surfaces when a workload has no proxy of the mesh.
	ReasonNotMeshed = "NotMeshed"
	// ReasonNotStrict surfaces when a workload accepts plain traffic too.
	ReasonNotStrict = "NotStrict"
	// ReasonBypassed surfaces when traffic goes past the proxy of a workload.
	ReasonBypassed = "Bypassed"
	// ReasonPlainDestination surfaces when a DestinationRule has traffic to the mesh
	// sent without the mesh's encryption.
	ReasonPlainDestination = "PlainDestination"

	// ReasonPlainPort surfaces when a port of a Service is in the clear.
	ReasonPlainPort = "PlainPort"
	// ReasonMeshed surfaces when what else would be in the clear is encrypted by a mesh.
	ReasonMeshed = "Meshed"
	// ReasonNoPorts surfaces when a Service has no ports, or is a mere name.
	ReasonNoPorts = "NoPorts"

	// ReasonIssued surfaces when a Certificate is issued, and renewed in time.
	ReasonIssued = "Issued"
	// ReasonNotReady surfaces when the condition Ready of a Certificate is not True.
	ReasonNotReady = "NotReady"
	// ReasonRenewalOverdue surfaces when a Certificate's renewal time has passed.
	ReasonRenewalOverdue = "RenewalOverdue"
	// ReasonIssuanceFailed surfaces when attempts to issue a Certificate failed.
	ReasonIssuanceFailed = "IssuanceFailed"
	// ReasonInstalled surfaces on a namespace when cert-manager is installed: its
	// Certificates are judged each by itself.
	ReasonInstalled = "Installed"

	// ReasonServed surfaces when every host was seen to serve TLS as it should.
	ReasonServed = "Served"
	// ReasonPlainOnTLSPort surfaces when something answers in the clear on the TLS port.
	ReasonPlainOnTLSPort = "PlainOnTLSPort"
	// ReasonNotServed surfaces when content is served in the clear, and TLS is not.
	ReasonNotServed = "NotServed"
	// ReasonOldVersion surfaces when a version of TLS below the minimum is accepted.
	ReasonOldVersion = "OldVersion"
	// ReasonWeakCipher surfaces when a broken cipher is agreed on.
	ReasonWeakCipher = "WeakCipher"
	// ReasonOtherCertificate surfaces when another certificate is served than the one
	// in the Secret, such as a controller's default.
	ReasonOtherCertificate = "OtherCertificate"
	// ReasonUntrusted surfaces when trust is System, and the served certificate leads
	// to no root of the system.
	ReasonUntrusted = "Untrusted"

	// ReasonGuarded surfaces when the guard does what its rollout says.
	ReasonGuarded = "Guarded"
	// ReasonAbsent surfaces when an object of the guard does not exist.
	ReasonAbsent = "Absent"
	// ReasonAltered surfaces when an object of the guard is not as it was applied.
	ReasonAltered = "Altered"
	// ReasonLetThrough surfaces when an Ingress without TLS was let through.
	ReasonLetThrough = "LetThrough"
	// ReasonRevoked surfaces in Enforce mode when a guard of Holdfast's is left that
	// is not stated any more.
	ReasonRevoked = "Revoked"
	// ReasonObserveOnly surfaces when a guard is stated in mode Observe, where it is
	// not applied.
	ReasonObserveOnly = "ObserveOnly"
	// ReasonSolver surfaces when cert-manager made the Ingress to answer a challenge.
	ReasonSolver = "Solver"
)

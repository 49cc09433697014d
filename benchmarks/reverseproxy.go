// The target's URL is the text after the first slash, as for the other proxies.
package main

import (
	"crypto/tls"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// The defaults of 2 and 100 would reconnect for most requests.
	transport.MaxIdleConnsPerHost = 1024
	transport.MaxIdleConns = 0
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	direct := func(r *http.Request) {
		r.URL, _ = url.Parse(r.RequestURI[1:])
		r.Host = r.URL.Host
	}
	// A function and not the mux, which would redirect the double slash away.
	proxy := &httputil.ReverseProxy{Director: direct, Transport: transport}
	if os.Args[2] == "https" {
		panic(http.ListenAndServeTLS(os.Args[1], "cert.pem", "key.pem", proxy))
	}
	panic(http.ListenAndServe(os.Args[1], proxy))
}

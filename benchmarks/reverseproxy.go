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
	transport.MaxIdleConnsPerHost = 64 // the default of 2 would reconnect for most requests
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	direct := func(r *http.Request) {
		r.URL, _ = url.Parse(r.RequestURI[1:])
		r.Host = r.URL.Host
	}
	// A function and not the mux, which would redirect the double slash away.
	proxy := &httputil.ReverseProxy{Director: direct, Transport: transport}
	panic(http.ListenAndServe(os.Args[1], proxy))
}

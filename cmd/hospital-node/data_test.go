package main

import (
	"net/http"
	"net/http/httptest"

	"github.com/rogpeppe/go-internal/testscript"
)

// mirrors serves, below one address, a mirror that is good (where the real
// tables are) and others that are not.
func mirrors(env *testscript.Env) {
	mux := http.NewServeMux()
	if dir := dataDir(); dir != "" {
		mux.Handle("/good/", http.StripPrefix("/good", http.FileServer(http.Dir(dir))))
	}
	mux.HandleFunc("/moved/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/good"+r.URL.Path[len("/moved"):], http.StatusFound)
	})
	mux.HandleFunc("/circle/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	mux.HandleFunc("/corrupt/", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>not a table</html>")) })
	mux.HandleFunc("/cut/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Write(make([]byte, 300))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/stall/", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("63.0,1.0"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	env.Defer(server.Close)
	env.Setenv("MIRROR", server.URL)
}

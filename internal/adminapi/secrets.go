package adminapi

import (
	"net/http"
	"strings"

	"hookaido/internal/admin"
	"hookaido/internal/httpx"
	"hookaido/internal/secret"
)

// findSecret finds what is served below /secrets/ to method: a secret, or one of
// its versions.
func (h *Handler) findSecret(method, rest string) (route, bool) {
	name, id, version := strings.Cut(rest, "/")
	if h.secrets == nil || strings.Contains(id, "/") {
		return route{}, false
	}
	name, id = decoded(name), decoded(id)
	ways := byMethod{http.MethodGet: h.listSecrets(name), http.MethodPost: h.addSecret(name)}
	if version {
		ways = byMethod{http.MethodDelete: h.deleteSecret(name, id)}
	}
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodDelete: // as in 2.11, what is for the other path isn't here
		_, served := ways[method]
		return ways.route(method), served
	}
	return ways.route(method), true
}

func (h *Handler) listSecrets(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		list, err := h.secrets.List(name)
		h.answer(w, list, err)
	}
}

func (h *Handler) addSecret(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		added, err := h.secrets.Add(r.Context(), admin.SecretAddition{Audit: auditOf(r), Pool: name, Decode: func() (b admin.SecretBody, err error) {
			var value string
			err = readObject(r, httpx.Field{Name: "value", Into: &value},
				httpx.Field{Name: "not_before", Into: &b.NotBefore}, httpx.Field{Name: "not_after", Into: &b.NotAfter})
			b.Value = secret.New([]byte(value))
			return b, err
		}})
		if err != nil {
			h.refuse(w, err)
			return
		}
		h.writeJSON(w, http.StatusCreated, added)
	}
}

func (h *Handler) deleteSecret(name, id string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h.secrets.Delete(r.Context(), admin.SecretDeletion{Audit: auditOf(r), Pool: name, ID: id}); err != nil {
			h.refuse(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

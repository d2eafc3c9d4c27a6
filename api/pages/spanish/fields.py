"""What is wrong with a field of a form or of a request, in Spanish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.service import track_ids

TEXTS: Final[Mapping[str, str]] = {
    "field.wanted": "tiene que ser {wanted}",
    "field.missing": "falta",
    "field.unknown": "no es ningún campo de esto",
    "field.text": "tiene que ser texto",
    "field.number": "tiene que ser un número",
    "field.whole": "tiene que ser un número entero",
    "field.flag": "tiene que ser true (sí) o false (no)",
    "field.list": "tiene que ser una lista",
    "field.object": "tiene que ser un objeto con nombres y valores",
    "field.choice": "tiene que ser uno de estos: {choices}",
    "field.least": "tiene que ser {bound} o más",
    "field.above": "tiene que ser más de {bound}",
    "field.most": "tiene que ser {bound} o menos",
    "field.below": "tiene que ser menos de {bound}",
    "field.short": "tiene que tener {bound} letras o más",
    "field.short.one": "no puede quedar vacío",
    "field.long": "tiene que tener {bound} letras como mucho",
    "field.few": "tiene que nombrar {bound} o más",
    "field.few.one": "tiene que nombrar al menos uno",
    "field.many": "tiene que nombrar {bound} como mucho",
    "field.json": "no es JSON a partir del carácter {at}, contados desde 0",
    "field.tag": "{name} es «{said}», y solo hay {choices}",
    "field.tag.missing": "falta {name}, que dice qué se pide",
    "field.said.decimal": "Un número con punto decimal, no coma, como 0.05; 0 es gratis.",
    "field.said.price": "Más de 0, con punto decimal, no coma, como 0.05.",
    "field.said.price.whole": "Un número entero, más de 0.",
    "field.said.whole": "Un número entero; 0 es gratis.",
    "field.said.percent": "Un número, con punto decimal, no coma, si hace falta, como 10 o 2.5.",
}

_ACCOUNT: Final = "una dirección: 0x y 40 cifras hexadecimales"
WANTED: Final[Mapping[str, str]] = {
    "^[A-Za-z0-9_-]{22}$": "el identificador dado a un trabajo, un envío o un token: 22 letras, cifras, - y _",
    "^0x[0-9a-fA-F]{40}$": _ACCOUNT,
    "^0x[0-9A-Fa-f]{40}$": _ACCOUNT,
    "^0x[0-9a-f]{64}$": "el hash de una transacción: 0x y 64 cifras hexadecimales",
    "^0x[0-9a-fA-F]{130}$": "una firma: 0x y 130 cifras hexadecimales",
    "^0x([0-9a-fA-F]{2})+$": "una firma: 0x y cifras hexadecimales",
    "^[0-9a-fA-F]{64}$": "un digest SHA-256: 64 cifras hexadecimales",
    "^[0-9a-fA-F]{16}$": "una marca de agua: 16 cifras hexadecimales",
    track_ids.PATTERN: "una pista: su token, en decimal, o su marca de agua, 16 cifras hexadecimales",
    r"^[0-9]{1,40}(\.[0-9]{1,36})?$": "un precio decimal con punto, como 0.05",
    r"^[0-9]{1,3}(\.[0-9]{1,4})?$": "un porcentaje decimal con punto y 4 decimales como mucho, como 2.5",
    r"^(never|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?)$": (
        "un día como 2027-12-31, un momento como 2027-12-31T12:00:00Z, o never (nunca)"
    ),
    r"^(LicenseRef-)?[A-Za-z0-9][A-Za-z0-9.-]{0,99}\+?$": "una licencia SPDX, como CC-BY-4.0 o LicenseRef-own",
    r"^[^/\\\x00-\x1f]{1,200}$": "el nombre de un archivo, sin carpetas",
    r"^[a-z0-9][a-z0-9_-]{0,40}$": "el nombre de un preajuste: minúsculas, cifras, - y _",
    r"^\w{1,64}$": "el número de un conjunto de datos, o una palabra de su título",
    r"^[\x21-\x7e]+$": "ASCII imprimible sin espacios",
    "^[a-z]+( [0-9a-z]+){1,2}$": "lo que hace y a qué, como: buy 00000000000000ff",
}
"""What each pattern of a request means, as in :data:`api.http.unreadable.WANTED`."""
OWN: Final[Mapping[str, str]] = {
    "seconds times variations: at most an hour in one job": (
        "la duración por las variaciones: una hora como mucho en un trabajo"
    ),
    "style: weights are whole numbers, 0 or more": "los estilos: los pesos son números enteros, 0 o más",
    "no track has a token of more than 64 bits": "ninguna pista tiene un token de más de 64 bits",
}
"""What a request says of itself where its fields do not go together."""
NAMES: Final[Mapping[str, str]] = {
    "currency": "moneda",
    "datasets": "conjuntos de datos",
    "file": "archivo",
    "inference": "inferencia",
    "job": "trabajo",
    "license": "licencia",
    "mining": "minería",
    "model": "modelo",
    "preset": "preajuste",
    "price": "precio",
    "primer": "música de partida",
    "royalty": "regalía",
    "seconds": "duración",
    "seed": "semilla",
    "share": "participación",
    "style": "estilo",
    "temperature": "temperatura",
    "title": "título",
    "track": "pista",
    "until": "hasta",
    "upload": "envío",
    "uses": "usos",
    "variations": "variaciones",
}
"""What pages call the fields of their forms."""

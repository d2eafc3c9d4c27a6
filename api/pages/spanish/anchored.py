"""What the page of a track that was anchored and not minted says, in Spanish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "anchored.kind": "Pista anclada",
    "anchored.title": "Pista anclada {name}",
    "anchored.said": "Quien la hizo la registró junto con otras, con un solo resumen de todas ellas. Aún no tiene "
    "ficha.",
    "anchored.token": "ficha",
    "anchored.token.none": "ninguna aún; quien la hizo puede acuñarla, y entonces esta dirección lleva allí",
    "anchored.by": "anclada por",
    "anchored.at": "anclada",
    "anchored.royalty": "regalía de cada venta, una vez acuñada",
    "anchored.get.audio": "El archivo tal como se ancló",
    "anchored.get.record": "El registro",
    "anchored.get.proof": "La hoja y su prueba (JSON)",
    "anchored.batch": "Su lugar en el lote",
    "anchored.batch.said": "La hoja son estos tres resúmenes, uno tras otro. Con los resúmenes del camino hacia arriba "
    "lleva a la raíz que está en la cadena (un árbol de Merkle como en RFC 9162).",
    "anchored.root": "raíz del lote, en la cadena",
    "anchored.place": "lugar",
    "anchored.place.said": "hoja {index} de {size}, contadas desde 0",
    "anchored.leaf.claim": "SHA-256 de la declaración",
    "anchored.leaf.audio": "SHA-256 del archivo",
    "anchored.leaf.record": "SHA-256 del registro",
    "anchored.path": "Resúmenes del camino hacia arriba: {count}",
    "anchored.open": "Lo que no se sabe",
    "anchored.open.when": "Cuándo se hizo: está probado que existía en el bloque del lote, y no desde cuándo.",
    "anchored.open.money": "Qué gana: antes de acuñarse nadie la posee ni la vende, y a nadie se le debe nada por "
    "ella.",
    "anchored.open.others": "Si otra persona ancló el mismo archivo en otra parte: se encuentran las hojas que están "
    "en el almacén de este servicio.",
    "anchored.proof": "El registro de la pista está bajo la raíz que quien la hizo puso en la cadena; todos los demás "
    "están firmados. Lo que dicen concuerda con la cadena, leída hasta el bloque {block}.",
}

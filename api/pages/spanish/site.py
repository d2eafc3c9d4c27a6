"""What every page says, in Spanish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "site.name": "Stemmata",
    "site.motto": "De dónde viene la música hecha por máquinas",
    "site.skip": "Ir al contenido",
    "site.pages": "Páginas",
    "site.language": "Idioma",
    "language.en": "English",
    "language.es": "Español",
    "nav.check": "Comprobar una pista",
    "site.api": "Descripción de la API",
    "site.made": "Stemmata {version}. Estas páginas no piden nada a ningún otro sitio.",
    "error.title.404": "Aquí no hay nada",
    "error.title.403": "Esto no está a su alcance",
    "error.title.401": "Primero inicie sesión",
    "error.title.429": "Demasiado de una vez",
    "error.title.503": "Ahora no se puede consultar",
    "error.title.500": "Algo falla por nuestra parte",
    "error.title": "Esto no se puede hacer",
    "error.404": "No hay ninguna página en esta dirección, o no se conoce aquello de lo que trataba.",
    "error.nowhere": "En esta dirección no hay nada.",
    "error.method": "Esta dirección no admite {method}.",
    "error.home": "Volver a la primera página",
    "error.detail": "Lo que se dijo",
}

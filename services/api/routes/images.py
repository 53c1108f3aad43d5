"""The images of a document, with URLs that show them."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api.auth import Caller
from api.image_views import ImagesView, ImageView
from api.limits import Limits
from api.problems import documented
from api.resources import Resources
from api.routes.parameters import DEFAULT_LIMIT, DatasetId, DocumentId, Limit
from api.searching import crop_urls
from db.errors import DatasetNotFound, DocumentNotFound
from db.repositories.datasets import DatasetRepository
from db.repositories.searching import SearchRepository
from pipeline.images.model import PICTURES_MAX
from pipeline.store.rows import row_id

Offset = Annotated[
    int, QueryParameter(ge=0, lt=PICTURES_MAX, description="`next_offset` of the page before.")
]


@get(
    "/",
    summary="List the images of a document",
    responses=documented(DatasetNotFound, DocumentNotFound),
)
async def list_images(
    *,
    dataset_id: DatasetId,
    document_id: DocumentId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> ImagesView:
    """Those that have vectors, in their order. None where no image endpoint was configured when the
    document was indexed: trigger a job for it then."""
    async with resources.sessions() as session:
        await DatasetRepository(session, caller.tenant_id).check(dataset_id)
        place = await SearchRepository(session, caller.tenant_id).image_place(document_id)
    if place is None or place.dataset_id != dataset_id:
        raise DocumentNotFound(document_id)
    if place.space is None or not place.images:
        return ImagesView([], None)
    present = await resources.vectors.present_ordinals(
        place.space,
        dataset=str(dataset_id),
        document=str(document_id),
        generation=place.generation,
    )
    # Images that the endpoint refused have no row.
    ahead = sorted(ordinal for ordinal in present if ordinal >= offset)
    rows = await resources.vectors.fetch(
        place.space, [row_id(str(document_id), place.generation, each) for each in ahead[:limit]]
    )
    expires_at = datetime.now(UTC) + limits.download_url_expiry
    urls = await crop_urls(rows, resources, limits)
    return ImagesView(
        [ImageView.of(row, urls.get(row.id), expires_at) for row in rows],
        ahead[limit] if len(ahead) > limit else None,
    )


router = Router(
    "/datasets/{dataset_id:uuid}/documents/{document_id:uuid}/images",
    route_handlers=[list_images],
    tags=["Documents"],
)
